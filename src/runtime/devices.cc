// The container's /dev: nodes made by descriptor, links, and what a user namespace forbids.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "runtime/init.h"
#include "runtime/kernel.h"

namespace wharf::runtime {
namespace {

struct Node {
  const char* name;
  unsigned minor;
  unsigned major;
};
/// What the runtime-spec's "Default Devices" wants in every container; ptmx is a link.
constexpr Node kDefaults[] = {{"null", 3, 1},   {"zero", 5, 1},    {"full", 7, 1},
                              {"random", 8, 1}, {"urandom", 9, 1}, {"tty", 0, 5}};

struct Link {
  const char* target;
  const char* name;
};
constexpr Link kLinks[] = {{"/proc/self/fd", "fd"},
                           {"/proc/self/fd/0", "stdin"},
                           {"/proc/self/fd/1", "stdout"},
                           {"/proc/self/fd/2", "stderr"},
                           {"pts/ptmx", "ptmx"}};

/// The host's node over an empty file: mknod(2) is not for user namespaces.
void bind_node(Report& report, int directory, const char* name, const char* host_path) {
  const int made =
      ::openat(directory, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (made >= 0) ::close(made);
  const int target = report.check(::openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC),
                                  "open device ", name);
  const int source =
      report.check(kernel::open_tree(AT_FDCWD, host_path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC),
                   "open ", host_path);
  report.check(kernel::move_mount(source, target), "bind device ", host_path);
  ::close(source);
  ::close(target);
}

bool is_node(int directory, const char* name, mode_t type, dev_t number) {
  struct stat status{};
  return ::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         (status.st_mode & S_IFMT) == type && status.st_rdev == number;
}

void make_node(Init& init, int directory, const char* name, const oci::Device& device) {
  Report& report = init.report;
  if (init.in_user_namespace()) return bind_node(report, directory, name, device.path.data());
  const dev_t number = makedev(device.major, device.minor);
  if (::mknodat(directory, name, device.type | device.mode, number) < 0) {
    // The image or a mount has it: good when it is the very device, else it would be used
    // in its place (A04).
    if (errno != EEXIST) report.fail_errno("make device ", device.path);
    if (!is_node(directory, name, device.type, number)) {
      report.fail("device ", device.path, " exists and is another");
    }
  }
  if (device.uid == 0 && device.gid == 0) return;
  report.check(::fchownat(directory, name, device.uid, device.gid, AT_SYMLINK_NOFOLLOW),
               "own device ", device.path);
}

void make_default_nodes(Init& init, int dev) {
  for (const Node& node : kDefaults) {
    const base::Text<31> path("/dev/", node.name);
    bool given = false;
    for (const oci::Device& device : init.spec.devices) given |= device.path == path.view();
    if (given) continue;
    oci::Device device;
    device.path = path.view();
    device.type = S_IFCHR;
    device.major = node.major;
    device.minor = node.minor;
    make_node(init, dev, node.name, device);
  }
}

void make_links(Report& report, int dev) {
  for (const Link& link : kLinks) {
    const bool ptmx = std::string_view(link.name) == "ptmx";
    // An image's own ptmx node would open the host's terminals.
    if (ptmx) (void)::unlinkat(dev, link.name, 0);
    if (::symlinkat(link.target, dev, link.name) < 0 && errno != EEXIST) {
      report.fail_errno("make /dev/", link.name);
    }
  }
  if (::access("/proc/kcore", F_OK) == 0) (void)::symlinkat("/proc/kcore", dev, "core");
}

/// A host /dev that is bind mounted is left as it is, as runc does.
bool is_given_whole(const oci::Spec& spec) {
  for (const oci::Mount& mount : spec.mounts) {
    if (mount.options.bind && (mount.destination == "/dev" || mount.destination == "/dev/")) {
      return true;
    }
  }
  return false;
}

}  // namespace

void make_devices(Init& init) {
  if (is_given_whole(init.spec)) return;
  Report& report = init.report;
  const int dev = make_inside(report, init.root, "/dev", Kind::Directory);
  make_default_nodes(init, dev);
  for (const oci::Device& device : init.spec.devices) {
    std::string_view name = device.path;
    if (name.starts_with("/dev/")) name.remove_prefix(5);
    if (name.find('/') == name.npos) {
      make_node(init, dev, name.data(), device);
      continue;
    }
    base::Text<255> last;
    const int parent = make_parent_inside(report, init.root, device.path, last);
    make_node(init, parent, last.c_str(), device);
    ::close(parent);
  }
  make_links(report, dev);
  ::close(dev);
}

}  // namespace wharf::runtime
