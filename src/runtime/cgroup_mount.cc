// /sys/fs/cgroup as the container sees it: its own directory and nothing above (A08, A09).
#include <fcntl.h>
#include <sys/stat.h>

#include "runtime/init.h"
#include "runtime/kernel.h"

namespace wharf::runtime {
namespace {

int configured(Report& report, int context, const char* type) {
  report.check(kernel::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr), "mount ", type);
  const int fd = report.check(kernel::fsmount(context, 0), "mount ", type);
  ::close(context);
  return fd;
}

/// In a cgroup namespace of its own, the file system itself begins at the container's cgroup.
int mount_hierarchy(Report& report, const cgroup::Hierarchy& hierarchy) {
  const int context = report.check(kernel::fsopen("cgroup"), "open cgroup file system");
  std::string_view rest = hierarchy.controllers.view();
  while (!rest.empty()) {
    const base::Text<63> word(base::split(rest, ','));
    if (word.view().starts_with("name=")) {
      kernel::fsconfig(context, FSCONFIG_SET_FLAG, "none", nullptr);
      kernel::fsconfig(context, FSCONFIG_SET_STRING, "name", word.c_str() + 5);
    } else {
      kernel::fsconfig(context, FSCONFIG_SET_FLAG, word.c_str(), nullptr);
    }
  }
  return configured(report, context, "cgroup");
}

int bind_group(Init& init, std::size_t index) {
  base::PathText path;
  if (!init.group.path_in(index, path)) init.report.fail("cgroup path too long");
  return init.report.check(
      kernel::open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC),
      "open cgroup ", path.view());
}

bool has_own_namespace(const Init& init) {
  return init.spec.find_namespace(CLONE_NEWCGROUP) != nullptr;
}

void mount_unified(Init& init, const oci::Mount& mount, int target) {
  Report& report = init.report;
  const int context = report.check(kernel::fsopen("cgroup2"), "open cgroup2 file system");
  const int fd = configured(report, context, "cgroup2");
  set_mount_attributes(report, fd, mount);
  report.check(kernel::move_mount(fd, target), "mount cgroup2");
  ::close(fd);
}

int mount_frame(Report& report) {
  const int context = report.check(kernel::fsopen("tmpfs"), "open tmpfs");
  report.check(kernel::fsconfig(context, FSCONFIG_SET_STRING, "mode", "755"), "configure tmpfs");
  report.check(kernel::fsconfig(context, FSCONFIG_SET_STRING, "source", "tmpfs"), "name tmpfs");
  return configured(report, context, "tmpfs");
}

std::string_view last_part(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

void mount_controllers(Init& init, std::size_t index, int frame, const oci::Mount& mount) {
  Report& report = init.report;
  const cgroup::Hierarchy& hierarchy = init.group.hierarchies()->all[index];
  const base::Text<255> name(last_part(hierarchy.mount_point.view()));
  report.check(::mkdirat(frame, name.c_str(), 0755), "make /sys/fs/cgroup/", name.view());
  const int fd =
      has_own_namespace(init) ? mount_hierarchy(report, hierarchy) : bind_group(init, index);
  set_mount_attributes(report, fd, mount);
  const int target = report.check(::openat(frame, name.c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW),
                                  "open ", name.view());
  report.check(kernel::move_mount(fd, target), "mount cgroup ", name.view());
  ::close(target);
  ::close(fd);
  std::string_view rest = hierarchy.controllers.view();
  while (rest.find(',') != rest.npos) {  // "cpu,cpuacct" has a link for each of its names
    const base::Text<63> link(base::split(rest, ','));
    (void)::symlinkat(name.c_str(), frame, link.c_str());
  }
  const base::Text<63> link(rest);
  if (link.view() != name.view() && !rest.starts_with("name=")) {
    (void)::symlinkat(name.c_str(), frame, link.c_str());
  }
}

}  // namespace

void mount_cgroups(Init& init, const oci::Mount& mount, int target) {
  Report& report = init.report;
  if (init.group.hierarchies() == nullptr) return;
  if (init.group.hierarchies()->unified) return mount_unified(init, mount, target);
  if (mount.type == "cgroup2") report.fail("mount cgroup2: this machine's controllers are v1");
  const int frame_mount = mount_frame(report);
  report.check(kernel::move_mount(frame_mount, target), "mount tmpfs for cgroups");
  const int frame = frame_mount;
  for (std::size_t i = 0; i < init.group.count(); ++i) mount_controllers(init, i, frame, mount);
  set_mount_attributes(report, frame, mount);
  ::close(frame);
}

}  // namespace wharf::runtime
