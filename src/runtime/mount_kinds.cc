// Making one mount while it is still attached nowhere: everything is decided before anybody
// can see it.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/init.h"
#include "runtime/kernel.h"

namespace wharf::runtime {
namespace {

/// The kernel's own words ("overlay: ...") wait on the context, one message a read.
void put_reason(int context, base::Writer& into) {
  char line[256];
  const ssize_t length = ::read(context, line, sizeof line);
  if (length <= 2) return;
  std::string_view reason(line, static_cast<std::size_t>(length));
  if (reason[1] == ' ') reason.remove_prefix(2);  // "e overlay: …"
  if (reason.ends_with('\n')) reason.remove_suffix(1);
  into.put(" (", reason, ")");
}

[[noreturn]] void fail_mount(Report& report, int context, const oci::Mount& mount,
                             std::string_view option) {
  const int error = errno;
  base::Text<300> reason;
  put_reason(context, reason);
  errno = error;
  report.fail_errno("mount ", mount.type, " to ", mount.destination, option.empty() ? "" : " with ",
                    option, reason.view());
}

/// "ro" is a flag, "size=64m" a key and a value.
int configure(int context, std::string_view option) {
  std::string_view value = option;
  const base::Text<255> key(base::split(value, '='));
  const bool flag = key.size() == option.size();
  return kernel::fsconfig(context, flag ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING, key.c_str(),
                          flag ? nullptr : value.data());
}

/// SELinux's own option, for what has no labels of the kernel's.
void set_label(Init& init, int context, const oci::Mount& mount) {
  const std::string_view label = init.spec.mount_label;
  const std::string_view type = mount.type;
  if (label.empty() || type == "proc" || type == "sysfs" || type == "mqueue") return;
  if (kernel::fsconfig(context, FSCONFIG_SET_STRING, "context", label.data()) < 0) {
    fail_mount(init.report, context, mount, "mount label");
  }
}

int new_file_system(Init& init, const oci::Mount& mount) {
  Report& report = init.report;
  const int context =
      report.check(kernel::fsopen(mount.type.data()), "open file system type ", mount.type);
  if (!mount.source.empty() &&
      kernel::fsconfig(context, FSCONFIG_SET_STRING, "source", mount.source.data()) < 0) {
    fail_mount(report, context, mount, mount.source);
  }
  for (const std::string_view option : mount.options.data) {
    // A user namespace maps gid 5 only when it was given one; then devpts keeps its default.
    if (configure(context, option) < 0) fail_mount(report, context, mount, option);
  }
  set_label(init, context, mount);
  // Read-only is of the super block too, where it is ours alone: a shared one (sysfs, proc)
  // would turn read-only for the host.
  if (kernel::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr) < 0) {
    fail_mount(report, context, mount, "");
  }
  const int fd = kernel::fsmount(context, 0);
  if (fd < 0) fail_mount(report, context, mount, "");
  ::close(context);
  return fd;
}

int bind_source(Init& init, const oci::Mount& mount) {
  base::PathText path;
  if (!mount.source.starts_with('/')) path.put(init.inputs.bundle, "/");
  path.put(mount.source);
  const unsigned depth = mount.options.recursive ? AT_RECURSIVE : 0;
  const int fd =
      kernel::open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | depth);
  return init.report.check(fd, "bind mount source ", path.view());
}

}  // namespace

void set_mount_attributes(Report& report, int fd, const oci::Mount& mount) {
  const oci::MountOptions& options = mount.options;
  if (options.set != 0 || options.clear != 0) {
    mount_attr attributes{};
    attributes.attr_set = options.set;
    attributes.attr_clr = options.clear;
    report.check(kernel::mount_setattr(fd, 0, attributes), "set options of ", mount.destination);
  }
  if (options.recursive_set != 0 || options.recursive_clear != 0) {
    mount_attr attributes{};
    attributes.attr_set = options.recursive_set;
    attributes.attr_clr = options.recursive_clear;
    report.check(kernel::mount_setattr(fd, AT_RECURSIVE, attributes), "set options of the tree at ",
                 mount.destination);
  }
  if (options.propagation != 0) {
    mount_attr attributes{};
    attributes.propagation = options.propagation;
    const unsigned depth = options.propagation_recursive ? AT_RECURSIVE : 0;
    report.check(kernel::mount_setattr(fd, depth, attributes), "set propagation of ",
                 mount.destination);
  }
}

int detached_mount(Init& init, const oci::Mount& mount, int early_source) {
  int fd = early_source;
  if (fd < 0) fd = mount.options.bind ? bind_source(init, mount) : new_file_system(init, mount);
  if (mount.options.map_ids && early_source < 0) {
    init.report.fail("mount ", mount.destination, ": idmap is for bind mounts");
  }
  if (mount.options.copy_up && (mount.options.bind || mount.type != "tmpfs")) {
    init.report.fail("mount ", mount.destination, ": tmpcopyup is for tmpfs");
  }
  set_mount_attributes(init.report, fd, mount);
  return fd;
}

}  // namespace wharf::runtime
