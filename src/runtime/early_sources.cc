// Bind mount sources that only the caller can open as they should be.
//
// Most are opened by init, so that a hung file system stops nobody else. The caller opens
// four kinds: those of a container with a user namespace, whose init may not enter the
// host's directories and whose copies of mounts are locked; those that keep sharing events
// with the host's mount; id-mapped ones, which need privilege over the file system; and
// descriptors of other processes (/proc/PID/fd/N), which lie on mounts of the caller's namespace.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "runtime/init.h"
#include "runtime/kernel.h"

namespace wharf::runtime {
namespace {

/// "/proc/PID/fd/N".
bool is_descriptor(std::string_view path) {
  constexpr std::string_view kProc = "/proc/", kFd = "/fd/";
  constexpr std::string_view kDigits = "0123456789";
  if (!path.starts_with(kProc)) return false;
  path.remove_prefix(kProc.size());
  const std::size_t end = path.find_first_not_of(kDigits);
  if (end == 0 || end == path.npos || !path.substr(end).starts_with(kFd)) return false;
  path.remove_prefix(end + kFd.size());
  return !path.empty() && path.find_first_not_of(kDigits) == path.npos;
}

bool is_early(const oci::Spec& spec, const oci::Mount& mount) {
  if (!mount.options.bind) return false;
  const bool shares = (mount.options.propagation & (MS_SHARED | MS_SLAVE)) != 0;
  return shares || mount.options.map_ids || is_descriptor(mount.source) ||
         spec.find_namespace(CLONE_NEWUSER) != nullptr;
}

bool write_map(pid_t pid, const char* file, std::span<const oci::IdMap> maps, Failure& failure) {
  const base::Text<63> path("/proc/", pid, "/", file);
  base::PathText lines;
  for (const oci::IdMap& map : maps) {
    lines.put(map.container, " ", map.host, " ", map.size, "\n");
  }
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  const bool fine = fd >= 0 && ::write(fd, lines.c_str(), lines.size()) >= 0;
  if (!fine) (void)failure.because_of_errno("write ", path.view());
  if (fd >= 0) ::close(fd);
  return fine;
}

/// A user namespace with these maps, held by its descriptor alone; -1 with the reason. A process
/// has to be in it while the maps are written.
int map_namespace(std::span<const oci::IdMap> uids, std::span<const oci::IdMap> gids,
                  Failure& failure) {
  clone_args arguments{};
  arguments.flags = CLONE_NEWUSER;
  arguments.exit_signal = SIGCHLD;
  const long pid = kernel::clone3(arguments);
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    while (true) ::pause();
  }
  if (pid < 0) {
    (void)failure.because_of_errno("make a user namespace");
    return -1;
  }
  const auto child = static_cast<pid_t>(pid);
  int fd = -1;
  if (write_map(child, "uid_map", uids, failure) && write_map(child, "gid_map", gids, failure)) {
    const base::Text<63> path("/proc/", child, "/ns/user");
    fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) (void)failure.because_of_errno("open ", path.view());
  }
  ::kill(child, SIGKILL);
  while (::waitpid(child, nullptr, __WALL) < 0 && errno == EINTR) {
  }
  return fd;
}

/// The namespace that says how the ids of `mount` are mapped: where it says nothing itself, the
/// container's.
int mapping_of(const oci::Spec& spec, const oci::Mount& mount, Failure& failure) {
  const oci::Namespace* joined = joined_user_namespace(spec);
  if (mount.uid_maps.empty() && mount.gid_maps.empty() && joined != nullptr) {
    const int fd = ::open(joined->path.data(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) (void)failure.because_of_errno("open namespace ", joined->path);
    return fd;
  }
  const std::span<const oci::IdMap> uids = mount.uid_maps.empty() ? spec.uid_maps : mount.uid_maps;
  const std::span<const oci::IdMap> gids = mount.gid_maps.empty() ? spec.gid_maps : mount.gid_maps;
  if (uids.empty() || gids.empty()) {
    (void)failure.because("mount ", mount.destination, ": idmap needs mappings");
    return -1;
  }
  return map_namespace(uids, gids, failure);
}

bool map_mount(const oci::Spec& spec, const oci::Mount& mount, int source, Failure& failure) {
  const int space = mapping_of(spec, mount, failure);
  if (space < 0) return false;
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<std::uint64_t>(space);
  const unsigned depth = mount.options.map_ids_tree ? AT_RECURSIVE : 0;
  const bool fine = kernel::mount_setattr(source, depth, attributes) == 0;
  if (!fine) (void)failure.because_of_errno("map ids of ", mount.source);
  ::close(space);
  return fine;
}

int open_source(const oci::Spec& spec, const Inputs& inputs, const oci::Mount& mount,
                Failure& failure) {
  base::PathText path;
  if (!mount.source.starts_with('/')) path.put(inputs.bundle, "/");
  path.put(mount.source);
  const unsigned tree = mount.options.recursive ? AT_RECURSIVE : 0;
  const int fd =
      kernel::open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | tree);
  if (fd < 0) {
    (void)failure.because_of_errno("bind mount source ", path.view());
    return -1;
  }
  // A copy of a shared mount is its peer: what the container mounts below would appear on the
  // host. Only who asks for "shared" gets that.
  mount_attr attributes{};
  attributes.propagation = MS_SLAVE;
  const bool keeps = (mount.options.propagation & MS_SHARED) != 0;
  const bool detached = keeps || kernel::mount_setattr(fd, AT_RECURSIVE, attributes) == 0;
  if (!detached) (void)failure.because_of_errno("detach ", path.view());
  if (detached && (!mount.options.map_ids || map_mount(spec, mount, fd, failure))) return fd;
  ::close(fd);
  return -1;
}

}  // namespace

bool open_early_sources(const oci::Spec& spec, const Inputs& inputs, std::span<int> sources,
                        Failure& failure) {
  std::size_t index = 0;
  for (const oci::Mount& mount : spec.mounts) {
    int& source = sources[index++];
    if (!is_early(spec, mount)) continue;
    source = open_source(spec, inputs, mount, failure);
    if (source < 0) return false;
  }
  return true;
}

void close_early_sources(std::span<int> sources) {
  for (int& source : sources) {
    if (source >= 0) ::close(source);
    source = -1;
  }
}

}  // namespace wharf::runtime
