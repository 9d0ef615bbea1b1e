// GET /containers/{id}/changes: the writable layer against the image below it.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

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

  bool in_image(const std::string& path) const {
    try {
      const os::Fd there = os::open_in_root(image, path, O_PATH | O_NOFOLLOW);
      return there.valid();
    } catch (const base::Error&) {
      return false;
    }
  }

  void add(const std::string& path, Kind kind) { changes.push_back({path, kind}); }
  void directory(const os::Fd& upper, const std::string& path, int depth);
  void entry(const os::Fd& parent, const std::string& name, const std::string& path, int depth);
};

bool is_whiteout(const struct stat& file) {
  return S_ISCHR(file.st_mode) && file.st_rdev == ::makedev(0, 0);
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
  add(path, in_image(path) ? kModified : kAdded);
  if (!S_ISDIR(file.st_mode) || depth >= kDeepest) return;
  const os::Fd below = os::open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  directory(below, path, depth + 1);
}

void Walk::directory(const os::Fd& upper, const std::string& path, int depth) {
  if (depth > 0 && is_opaque(upper) && in_image(path)) {
    changes.back().kind = kModified;
  }
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
  // Docker: directories that are there only because something was mounted in them.
  std::erase_if(walk.changes, [](const api::FilesystemChange& change) {
    static const std::vector<std::string> kOurs = {"/.dockerenv"};
    return std::find(kOurs.begin(), kOurs.end(), change.path) != kOurs.end();
  });
  return std::move(walk.changes);
}

}  // namespace wharf::container
