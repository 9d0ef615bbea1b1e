// The mounts of the spec, in its order, each onto a descriptor.
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "runtime/init.h"
#include "runtime/kernel.h"

namespace wharf::runtime {
namespace {

/// The only files of /proc over which something may be mounted: they say facts, none is a
/// control. Anything else could make a later write to /proc land elsewhere (CVE-2019-16884).
constexpr std::string_view kCoverable[] = {"/proc/cpuinfo",
                                           "/proc/diskstats",
                                           "/proc/meminfo",
                                           "/proc/stat",
                                           "/proc/swaps",
                                           "/proc/uptime",
                                           "/proc/loadavg",
                                           "/proc/slabinfo",
                                           "/proc/net/dev",
                                           "/proc/sys/kernel/ns_last_pid",
                                           "/proc/sys/crypto/fips_enabled"};

bool is_proc(int fd) {
  struct statfs status{};
  return ::fstatfs(fd, &status) == 0 && status.f_type == PROC_SUPER_MAGIC;
}

bool is_below_proc(std::string_view path) {
  return path == "/proc" || path.starts_with("/proc/");
}

void refuse_cover_of_proc(Init& init, const oci::Mount& mount, int target, int source) {
  if (mount.type == "proc") return;
  if (!is_below_proc(mount.destination) && !is_proc(target)) return;
  for (const std::string_view allowed : kCoverable) {
    if (mount.destination == allowed) return;
  }
  // The host's own /proc, as --pid=host gives it.
  if (mount.destination == "/proc" && mount.options.bind && is_proc(source)) return;
  init.report.fail("\"", mount.destination, "\" cannot be mounted because it is inside /proc");
}

/// A procfs or sysfs over a link would be mounted where the image says (CVE-2019-19921).
int open_plain_directory(Init& init, const oci::Mount& mount) {
  const base::PathText path(mount.destination);
  const int fd = kernel::openat2(init.root, path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW,
                                 RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
  if (fd >= 0) return fd;
  if (errno == ENOENT) {
    return make_inside(init.report, init.root, mount.destination, Kind::Directory);
  }
  init.report.fail("filesystem \"", mount.type, "\" must be mounted on ordinary directory, not ",
                   mount.destination);
}

Kind kind_of(Report& report, int source) {
  struct stat status{};
  report.check(::fstat(source, &status), "look at a mount's source");
  return S_ISDIR(status.st_mode) ? Kind::Directory : Kind::File;
}

/// Before it is attached, and before it is read-only when it is to be.
void copy_up_into(Init& init, const oci::Mount& mount, int source, int target) {
  Report& report = init.report;
  const int from = report.check(::openat(target, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open ",
                                mount.destination);
  const int into = report.check(::openat(source, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open ",
                                mount.destination);
  copy_up(report, from, into);
  ::close(from);
  ::close(into);
}

void mount_one(Init& init, const oci::Mount& mount, int early_source) {
  if (mount.destination.find("/../") != mount.destination.npos) {
    // Harmless, as it resolves inside the root, but the words below would name another place.
    init.report.fail("mount destination ", mount.destination, " is not plain");
  }
  if (mount.options.in_place) {
    const base::PathText path(mount.destination);
    const int fd =
        init.report.check(open_inside(init.root, path.c_str(), O_PATH), "open ", mount.destination);
    set_mount_attributes(init.report, fd, mount);
    ::close(fd);
    return;
  }
  const bool kernel_tree = mount.type == "proc" || mount.type == "sysfs";
  if (mount.type == "cgroup" || mount.type == "cgroup2") {
    await_cgroup(init);
    const int target = make_inside(init.report, init.root, mount.destination, Kind::Directory);
    refuse_cover_of_proc(init, mount, target, -1);
    mount_cgroups(init, mount, target);
    ::close(target);
    return;
  }
  const int source = detached_mount(init, mount, early_source);
  const Kind kind = mount.options.bind ? kind_of(init.report, source) : Kind::Directory;
  const int target = kernel_tree && !mount.options.bind
                         ? open_plain_directory(init, mount)
                         : make_inside(init.report, init.root, mount.destination, kind);
  refuse_cover_of_proc(init, mount, target, source);
  if (mount.options.copy_up) copy_up_into(init, mount, source, target);
  init.report.check(kernel::move_mount(source, target), "mount ", mount.source, " to ",
                    mount.destination);
  ::close(target);
  ::close(source);
}

/// On v1; on v2 we were born in it, or systemd has put us there. Still in the host's mounts, so
/// its hierarchies are there.
void join_cgroup(Init& init) {
  const cgroup::Hierarchies* hierarchies = init.group.hierarchies();
  if (hierarchies == nullptr || hierarchies->unified || init.in_user_namespace()) return;
  cgroup::Group made;
  base::Failure failure;
  const cgroup::Group& group = init.group;
  if (!made.open(*hierarchies, group.path(), failure, group.manager()) || !made.add(0, failure)) {
    init.report.send(failure);
  }
}

}  // namespace

void await_cgroup(Init& init) {
  if (init.cgroup_ready) return;
  init.report.expect(News::Go);
  init.cgroup_ready = true;
  if (init.elsewhere) {
    (void)::sched_setaffinity(0, sizeof init.processors, &init.processors);
  }
  join_cgroup(init);
  const oci::Namespace* own = init.spec.find_namespace(CLONE_NEWCGROUP);
  // Only now: the namespace's root is the cgroup that the process is in when it is made.
  if (own != nullptr && own->path.empty()) {
    init.report.check(::unshare(CLONE_NEWCGROUP), "make a cgroup namespace");
  }
}

void mount_all(Init& init) {
  std::size_t index = 0;
  for (const oci::Mount& mount : init.spec.mounts) {
    mount_one(init, mount, index < kMaxMounts ? init.sources[index] : -1);
    ++index;
  }
}

}  // namespace wharf::runtime
