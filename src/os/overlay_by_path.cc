// Overlays for kernels before 6.13, which know layers by path only.
//
// fsconfig(2) takes strings of 255 bytes, too few for the paths of many layers; mount(2) takes a
// page. So the overlay is mounted by mount(2) in a mount namespace of a thread of its own, with
// short paths (/proc/self/fd/N) of descriptors that were opened in that namespace, as overlayfs
// takes no directory of another one. A detached copy outlives the thread and its namespace.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "os/file.h"
#include "os/mount.h"
#include "os/namespace.h"

namespace wharf::os {
namespace {

/// A page, with its end.
constexpr std::size_t kMaxOptions = 4095;

std::string descriptor_path(const Fd& fd) {
  return fmt::format("/proc/self/fd/{}", fd.get());
}

/// The same directory, through the mounts of the calling thread's namespace.
Fd reopen(const Fd& directory) {
  const Path path = std::filesystem::read_symlink(descriptor_path(directory));
  Fd again = open_directory(path);
  struct stat given{}, found{};
  check(::fstat(directory.get(), &given), "look at {}", path.native());
  check(::fstat(again.get(), &found), "look at {}", path.native());
  if (given.st_dev != found.st_dev || given.st_ino != found.st_ino)
    base::fail(base::Kind::Internal, "layer {} has moved", path.native());
  return again;
}

/// Descriptors that must stay open until the mount is made, and the text that names them.
struct Options {
  std::vector<Fd> opened;
  std::string text = "index=off,metacopy=off,redirect_dir=nofollow";

  void add(std::string_view before, const Fd& directory) {
    opened.push_back(reopen(directory));
    text += before;
    text += descriptor_path(opened.back());
  }
};

}  // namespace

DetachedMount overlay_by_path(const OverlayParts& parts) {
  Fd detached;
  in_own_mount_namespace([&] {
    Options options;
    std::string_view before = ",lowerdir=";
    for (const Fd& layer : parts.lower) {
      options.add(before, layer);
      before = ":";
    }
    const Path target = descriptor_path(options.opened.front());
    if (parts.upper) {
      options.add(",upperdir=", *parts.upper);
      options.add(",workdir=", *parts.work);
      if (parts.discardable) options.text += ",volatile";
    }
    if (options.text.size() > kMaxOptions)
      base::fail(base::Kind::TooLarge, "{} layers are too many for this kernel",
                 parts.lower.size());
    check(WHARF_CALL(mount, "overlay", target.c_str(), "overlay", 0UL, options.text.c_str()),
          "create overlay file system");
    // By name and not by descriptor: that one is of the directory below the new mount.
    const Path covered = std::filesystem::read_symlink(target);
    detached = Fd(check(WHARF_CALL(open_tree, AT_FDCWD, covered.c_str(),
                                   unsigned{OPEN_TREE_CLONE} | unsigned{OPEN_TREE_CLOEXEC}),
                        "copy mount tree"));
  });
  return DetachedMount::adopt(std::move(detached));
}

}  // namespace wharf::os
