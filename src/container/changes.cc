// GET /containers/{id}/changes: the writable layer against the image below it.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <set>

#include "base/error.h"
#include "container/state.h"
#include "os/file.h"
#include "os/mount.h"

namespace wharf::container {

namespace {

enum Kind { kModified = 0, kAdded = 1, kDeleted = 2 };

constexpr int kDeepest = 512;

struct Walk {
  const os::Fd& image;
  std::vector<api::FilesystemChange> changes;

  std::optional<struct stat> in_image(const std::string& path) const {
    try {
      return os::status(os::open_in_root(image, path, O_PATH | O_NOFOLLOW));
    } catch (const base::Error&) {
      return std::nullopt;
    }
  }

  void add(const std::string& path, Kind kind) { changes.push_back({path, kind}); }
  void directory(const os::Fd& upper, const std::string& path, int depth);
  void entry(const os::Fd& parent, const std::string& name, const std::string& path, int depth);
};

bool is_whiteout(const struct stat& file) {
  return S_ISCHR(file.st_mode) && file.st_rdev == ::makedev(0, 0);
}

/// Made by the engine to mount something over it, as Docker does in a layer of its own.
bool is_mount_point_of_ours(const std::string& path, const struct stat& file) {
  static const std::set<std::string> kPaths = {"/etc/hostname", "/etc/hosts", "/etc/resolv.conf",
                                               "/.dockerenv"};
  return S_ISREG(file.st_mode) && file.st_size == 0 && kPaths.contains(path);
}

bool same_attributes(const struct stat& a, const struct stat& b) {
  return a.st_mode == b.st_mode && a.st_uid == b.st_uid && a.st_gid == b.st_gid;
}

/// A directory whose content replaces the image's.
bool is_opaque(const os::Fd& directory) {
  char value = 0;
  return ::fgetxattr(directory.get(), "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

void Walk::entry(const os::Fd& parent, const std::string& name, const std::string& path,
                 int depth) {
  struct stat file{};
  if (::fstatat(parent.get(), name.c_str(), &file, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (is_whiteout(file)) {
    add(path, kDeleted);
    return;
  }
  if (is_mount_point_of_ours(path, file)) return;
  const std::optional<struct stat> before = in_image(path);
  add(path, before ? kModified : kAdded);
  if (!S_ISDIR(file.st_mode) || depth >= kDeepest) return;
  const std::size_t mine = changes.size() - 1;
  const os::Fd below = os::open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  directory(below, path, depth + 1);
  // A directory is in the writable layer for what is in it; alone it is no change.
  const bool nothing_below = changes.size() == mine + 1;
  if (before && nothing_below && !is_opaque(below) && same_attributes(*before, file)) {
    changes.pop_back();
  }
}

void Walk::directory(const os::Fd& upper, const std::string& path, int depth) {
  const os::Fd copy = os::open_at(upper, ".", O_RDONLY | O_DIRECTORY);
  DIR* const list = ::fdopendir(os::Fd(copy.duplicate()).release());
  if (!list) throw os::last_error("read {}", path);
  const std::unique_ptr<DIR, int (*)(DIR*)> owner(list, ::closedir);
  std::vector<std::string> names;
  while (const dirent* each = ::readdir(list)) {
    const std::string name = each->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) entry(upper, name, path + "/" + name, depth);
}

}  // namespace

std::vector<api::FilesystemChange> Containers::changes(std::string_view name) {
  const ContainerPointer container = state_->find(name);
  const os::DetachedMount image =
      state_->services.layers.mount_image(layers_of(container->record()));
  Walk walk{image.fd(), {}};
  const os::Fd upper =
      os::open_file(state_->services.layers.upper_directory(container->id), O_RDONLY | O_DIRECTORY);
  walk.directory(upper, "", 0);
  return std::move(walk.changes);
}

}  // namespace wharf::container
