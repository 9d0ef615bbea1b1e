// Masked and read-only paths (A16): facts and controls of the host that a container's /proc
// and /sys would show.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "runtime/init.h"
#include "runtime/kernel.h"

namespace wharf::runtime {
namespace {

/// What is put over a masked path: the host's /dev/null over files, opened here and never in
/// the container (CVE-2025-31133), and one empty read-only tmpfs over directories.
class Masks {
 public:
  explicit Masks(Report& report) : report_(report) {}
  ~Masks() {
    if (null_ >= 0) ::close(null_);
    if (empty_ >= 0) ::close(empty_);
  }

  void cover(int target, std::string_view path) {
    struct stat status{};
    report_.check(::fstat(target, &status), "look at ", path);
    if (S_ISDIR(status.st_mode)) {
      cover_directory(target, path);
    } else {
      cover_file(target, path);
    }
  }

 private:
  void cover_file(int target, std::string_view path) {
    if (null_ < 0) open_null();
    attach(kernel::open_tree(null_, "", kClone), target, path);
  }

  /// The first directory gets the mount itself; a detached mount cannot be cloned.
  void cover_directory(int target, std::string_view path) {
    if (empty_ >= 0) return attach(kernel::open_tree(empty_, "", kClone), target, path);
    const int context = report_.check(kernel::fsopen("tmpfs"), "open tmpfs");
    kernel::fsconfig(context, FSCONFIG_SET_STRING, "source", "tmpfs");
    kernel::fsconfig(context, FSCONFIG_SET_FLAG, "ro", nullptr);
    // A page of inodes would be charged to the container for each; it holds nothing.
    kernel::fsconfig(context, FSCONFIG_SET_STRING, "nr_inodes", "1");
    report_.check(kernel::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr), "make tmpfs");
    empty_ = report_.check(kernel::fsmount(context, MOUNT_ATTR_RDONLY), "make tmpfs");
    ::close(context);
    report_.check(kernel::move_mount(empty_, target), "mask ", path);
  }

  void attach(int mount, int target, std::string_view path) {
    report_.check(mount, "mask ", path);
    report_.check(kernel::move_mount(mount, target), "mask ", path);
    ::close(mount);
  }

  void open_null() {
    null_ = report_.check(::open("/dev/null", O_PATH | O_CLOEXEC), "open /dev/null");
    struct stat status{};
    const bool genuine =
        ::fstat(null_, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
    if (!genuine) report_.fail("the host's /dev/null is no null device");
  }

  static constexpr unsigned kClone = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
  Report& report_;
  int null_ = -1;
  int empty_ = -1;
};

/// -1 where the path does not exist: then there is nothing to hide.
int open_hidden(Report& report, int root, std::string_view path) {
  const int fd = open_inside(root, path.data(), O_PATH);
  if (fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != EACCES) {
    report.fail_errno("open ", path, " to hide it");
  }
  return fd;
}

void make_read_only(Report& report, int target, std::string_view path) {
  constexpr unsigned kTree = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE;
  const int mount = report.check(kernel::open_tree(target, "", kTree), "bind ", path);
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  report.check(kernel::mount_setattr(mount, AT_RECURSIVE, attributes), "make ", path, " read-only");
  report.check(kernel::move_mount(mount, target), "bind ", path);
  ::close(mount);
}

}  // namespace

void hide_paths(Init& init) {
  Report& report = init.report;
  for (const std::string_view path : init.spec.read_only_paths) {
    const int target = open_hidden(report, init.root, path);
    if (target < 0) continue;
    make_read_only(report, target, path);
    ::close(target);
  }
  Masks masks(report);
  for (const std::string_view path : init.spec.masked_paths) {
    const int target = open_hidden(report, init.root, path);
    if (target < 0) continue;
    masks.cover(target, path);
    ::close(target);
  }
}

}  // namespace wharf::runtime
