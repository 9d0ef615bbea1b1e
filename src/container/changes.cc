// GET /containers/{id}/changes: the writable layer against the image below it.
#include "container/changes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <algorithm>
#include <optional>

#include "archive/pack.h"
#include "base/error.h"
#include "base/strings.h"
#include "container/first_files.h"
#include "container/state.h"
#include "os/file.h"
#include "os/mount.h"

namespace wharf::container {

namespace {

/// A directory of the writable layer, and of the image where it has one there.
struct Pair {
  os::Fd upper;
  os::Fd image;
  bool opaque = false;  ///< Nothing of the image shows through.
};

std::optional<struct stat> status_at(const os::Fd& directory, const std::string& name) {
  struct stat found{};
  if (!directory.valid()) return std::nullopt;
  if (WHARF_CALL(fstatat, directory.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) < 0) {
    return std::nullopt;
  }
  return found;
}

/// Invalid where it is no directory, or no longer.
os::Fd open_directory_at(const os::Fd& directory, const std::string& name) {
  if (!directory.valid()) return {};
  return os::Fd(WHARF_CALL(openat, directory.get(), name.c_str(),
                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

bool is_whiteout(const struct stat& file) {
  return S_ISCHR(file.st_mode) && file.st_rdev == ::makedev(0, 0);
}

bool same_attributes(const struct stat& a, const struct stat& b) {
  return a.st_mode == b.st_mode && a.st_uid == b.st_uid && a.st_gid == b.st_gid;
}

/// A directory whose content replaces the image's.
bool is_opaque(const os::Fd& directory) {
  char value = 0;
  return ::fgetxattr(directory.get(), "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

/// Directories that are made because something of ours is in them.
bool holds_first_files(const std::string& path, const struct stat& found) {
  return path == "/dev" || path == "/etc" || is_first_file(path, found);
}

class Walk {
 public:
  void directory(const Pair& pair, const std::string& path, int depth);
  std::vector<api::FilesystemChange> take() { return std::move(changes_); }

 private:
  void entry(const Pair& parent, const std::string& name, const std::string& path, int depth);
  void below(const Pair& parent, const std::string& name, const std::string& path, int depth);
  void add(const std::string& path, ChangeKind kind) { changes_.push_back({path, kind}); }

  std::vector<api::FilesystemChange> changes_;
};

void Walk::entry(const Pair& parent, const std::string& name, const std::string& path, int depth) {
  const auto file = status_at(parent.upper, name);
  const auto before = status_at(parent.image, name);
  if (!file || is_whiteout(*file)) {
    // Also for what is hidden because its directory was made anew.
    if (before) add(path, kDeleted);
    return;
  }
  if (!S_ISDIR(file->st_mode)) {
    if (!is_first_file(path, *file)) add(path, before ? kModified : kAdded);
    return;
  }
  const std::size_t mine = changes_.size();
  add(path, before ? kModified : kAdded);
  below(parent, name, path, depth);
  if (changes_.size() != mine + 1) return;
  // A directory is in the writable layer for what is in it; alone it is no change.
  const bool untouched =
      before ? same_attributes(*before, *file) && !parent.opaque : holds_first_files(path, *file);
  if (untouched) changes_.pop_back();
}

void Walk::below(const Pair& parent, const std::string& name, const std::string& path, int depth) {
  Pair pair{open_directory_at(parent.upper, name), open_directory_at(parent.image, name), false};
  if (!pair.upper.valid()) return;
  pair.opaque = parent.opaque || is_opaque(pair.upper);
  directory(pair, path, depth + 1);
}

void Walk::directory(const Pair& pair, const std::string& path, int depth) {
  if (depth >= archive::kMaxPackedDepth) {
    base::fail(base::Kind::TooLarge, "{}: more than {} directories inside one another",
               base::quoted(path.substr(0, 64)), archive::kMaxPackedDepth);
  }
  std::vector<std::string> names = archive::names_in(pair.upper);
  if (pair.opaque && pair.image.valid()) {
    const std::vector<std::string> hidden = archive::names_in(pair.image);
    names.insert(names.end(), hidden.begin(), hidden.end());
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
  }
  for (const std::string& name : names) entry(pair, name, path + "/" + name, depth);
}

}  // namespace

std::vector<api::FilesystemChange> find_changes(const os::Fd& image, const os::Fd& upper) {
  Walk walk;
  walk.directory({os::open_at(upper, ".", O_RDONLY | O_DIRECTORY),
                  os::open_at(image, ".", O_RDONLY | O_DIRECTORY), false},
                 "", 0);
  return walk.take();
}

std::vector<api::FilesystemChange> Containers::changes(std::string_view name) {
  const ContainerPointer container = state_->find(name);
  layer::Layers& layers = state_->services.layers;
  const os::DetachedMount image = layers.mount_image(layers_of(container->record()));
  const os::Fd upper = os::open_directory(layers.upper_directory(container->id));
  return find_changes(image.fd(), upper);
}

}  // namespace wharf::container
