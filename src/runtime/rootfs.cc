// The root file system: attached where nobody sees it, then made "/".
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "runtime/init.h"
#include "runtime/kernel.h"

namespace wharf::runtime {
namespace {

/// "BUNDLE/rootfs", or the absolute path of the spec.
void put_root_path(const Init& init, base::Writer& path) {
  if (!init.spec.root_path.starts_with('/')) path.put(init.inputs.bundle, "/");
  path.put(init.spec.root_path);
}

/// The whole tree at root.path as a detached copy: a bind mount of it.
int clone_root(Init& init) {
  base::PathText path;
  put_root_path(init, path);
  return init.report.check(
      kernel::open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE),
      "open root file system ", path.view());
}

/// Whether pivot_root failed because "/" is the kernel's first file system, which has no parent
/// to be moved from.
bool is_initramfs(int error) {
  constexpr long kRamfs = 0x858458f6;
  struct statfs status{};
  if (error != EINVAL || ::statfs("/", &status) < 0) return false;
  return status.f_type == kRamfs || status.f_type == TMPFS_MAGIC;
}

/// What the root is attached over. "/" itself: no directory of the host has to exist for it, and no
/// path is walked. But hooks look for the container's files at root.path.
int open_place(Init& init) {
  const oci::Hooks& hooks = init.spec.hooks;
  const bool looked_for = !hooks.prestart.empty() || !hooks.create_runtime.empty() ||
                          !hooks.create_container.empty() || !init.has_own_mounts();
  constexpr int kFlags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  base::PathText path;
  put_root_path(init, path);
  const int place = looked_for && path.view().size() > 1 ? ::open(path.c_str(), kFlags) : -1;
  init.root_covers_host = place < 0;
  // A user namespace's root may not come that far.
  return place >= 0 ? place : init.report.check(::open("/", kFlags), "open /");
}

}  // namespace

void attach_root(Init& init) {
  Report& report = init.report;
  if (!init.has_own_mounts()) {
    init.root = open_place(init);
    if (init.root_covers_host) report.fail("root.path is no directory");
    return;
  }
  // Slave: unmounts on the host still reach us until we leave its tree, ours never reach it.
  report.check(::mount("", "/", nullptr, MS_SLAVE | MS_REC, nullptr), "set propagation of /");

  int root = init.inputs.rootfs >= 0 ? init.inputs.rootfs : init.root_source;
  if (root < 0) root = clone_root(init);
  mount_attr attributes{};
  // A slave goes on hearing of mounts below the host's directory.
  const bool slave = (init.spec.rootfs_propagation & MS_SLAVE) != 0;
  attributes.propagation = slave ? MS_SLAVE : MS_PRIVATE;
  report.check(kernel::mount_setattr(root, AT_RECURSIVE, attributes), "make the root private");
  const int host = open_place(init);
  report.check(kernel::move_mount(root, host), "attach the root file system");
  ::close(host);
  init.root = root;
}

void enter_root(Init& init) {
  Report& report = init.report;
  if (init.spec.root_read_only) {
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    report.check(kernel::mount_setattr(init.root, 0, attributes), "make the root read-only");
  }
  report.check(::fchdir(init.root), "enter the root file system");
  if (!init.has_own_mounts()) {
    report.check(::chroot("."), "chroot");
    report.check(::chdir("/"), "enter /");
    return;
  }
  // Both names are ".": the old root ends up over the new one and is detached at once.
  if (!init.inputs.no_pivot && kernel::pivot_root(".", ".") == 0) {
    report.check(::umount2(".", MNT_DETACH), "detach the host's tree");
  } else {
    if (!init.inputs.no_pivot && !is_initramfs(errno)) report.fail_errno("pivot_root");
    if (!init.root_covers_host) {
      report.check(::mount(".", "/", nullptr, MS_MOVE, nullptr), "move the root file system");
    }
    // The first file system stays below: our root covers its "/", so that whoever climbs out of
    // the chroot arrives in our root again.
    report.check(::chroot("."), "chroot");
  }
  report.check(::chdir("/"), "enter /");
  if (init.spec.rootfs_propagation != 0) {
    report.check(::mount("", "/", nullptr, init.spec.rootfs_propagation, nullptr),
                 "set propagation of the root");
  }
}

}  // namespace wharf::runtime
