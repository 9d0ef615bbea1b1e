// What is left of the places that things were mounted over: steps of a build must not keep them.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "container/first_files.h"
#include "container/state.h"
#include "os/file.h"

namespace wharf::container {

namespace {

/// The directory that holds `path` below `root`; invalid where it is not there or a link leads to
/// it: the step may have put one in its place.
os::Fd parent_of(const os::Fd& root, const std::string& path) {
  os::Fd at = os::open_at(root, ".", O_RDONLY | O_DIRECTORY);
  std::vector<std::string> parts = base::split(path, '/');
  parts.pop_back();
  for (const std::string& part : parts) {
    if (part.empty() || part == "." || part == "..") continue;
    at = os::Fd(WHARF_CALL(openat, at.get(), part.c_str(),
                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!at.valid()) return {};
  }
  return at;
}

bool stat_at(const os::Fd& directory, const std::string& name, struct stat& found) {
  return directory.valid() &&
         WHARF_CALL(fstatat, directory.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0;
}

bool same_attributes(const struct stat& a, const struct stat& b) {
  return a.st_mode == b.st_mode && a.st_uid == b.st_uid && a.st_gid == b.st_gid;
}

/// True where it is gone now.
bool remove_stub(const os::Fd& upper, const os::Fd& image, const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  const os::Fd parent = parent_of(upper, path);
  struct stat mine{};
  if (name.empty() || !stat_at(parent, name, mine)) return false;
  struct stat below{};
  const bool in_image = stat_at(parent_of(image, path), name, below);
  if (S_ISDIR(mine.st_mode)) {
    if (in_image && !same_attributes(mine, below)) return false;
    // Not one whose content is to be seen alone: then it hides what is below.
    const os::Fd self = os::open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    char opaque = 0;
    if (in_image && ::fgetxattr(self.get(), "trusted.overlay.opaque", &opaque, 1) == 1)
      return false;
    return WHARF_CALL(unlinkat, parent.get(), name.c_str(), AT_REMOVEDIR) == 0;
  }
  if (in_image) return false;
  const bool untouched = (S_ISREG(mine.st_mode) && mine.st_size == 0) || is_first_file(path, mine);
  return untouched && WHARF_CALL(unlinkat, parent.get(), name.c_str(), 0) == 0;
}

}  // namespace

void remove_stubs(const os::Fd& upper, const os::Fd& image, const std::vector<std::string>& paths) {
  for (std::string path : paths) {
    while (path.size() > 1 && remove_stub(upper, image, path)) path.resize(path.rfind('/'));
  }
}

void Containers::take_changes(std::string_view name, const std::vector<std::string>& stubs,
                              const std::function<void(const os::Path&)>& take) {
  const ContainerPointer container = state_->find(name);
  const Container::Turn turn = container->take_turn();
  if (container->view().run()) {
    base::fail(base::Kind::Conflict, "container {} is still running", container->id);
  }
  // Until then the root file system is in use, and its directories are not to be moved.
  container->wait_for_roots_closed();
  const Record record = container->record();
  layer::Layers& layers = state_->services.layers;
  const os::Path path = layers.upper_directory(record.id);
  {
    const os::DetachedMount image = layers.mount_image(layers_of(record));
    const os::Fd upper = os::open_directory(path);
    std::vector<std::string> made = first_files();
    made.insert(made.end(), stubs.begin(), stubs.end());
    remove_stubs(upper, image.fd(), made);
  }
  take(path);
}

void Containers::keep_step(std::string_view name) {
  const ContainerPointer container = state_->find(name);
  const Container::Turn turn = container->take_turn();
  container->change_record([](Record& record) { record.build_step = false; });
  const Record record = container->record();
  const std::string text = base::to_text(to_json(record));
  state_->services.database.write([&](store::Transaction& transaction) {
    transaction.run("UPDATE containers SET record = ? WHERE id = ?", {text, record.id});
    state_->services.layers.hold(transaction, "container:" + record.id, layers_of(record));
  });
}

}  // namespace wharf::container
