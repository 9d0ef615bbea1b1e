#include "container/user_space.h"

#include <fcntl.h>

#include "base/error.h"
#include "container/mount_sources.h"
#include "os/file.h"

namespace wharf::container {

namespace {

bool is_same(const os::Fd& one, const os::Fd& other) {
  const struct stat first = os::status(one);
  const struct stat second = os::status(other);
  return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

bool is_ours(const os::Fd& user) {
  return is_same(user, os::open_file("/proc/self/ns/user", O_RDONLY));
}

os::IdMaps maps_of(const IdBlock& block) {
  const std::vector<os::IdRange> map = {{0, block.first, block.count}};
  return {map, map};
}

/// "/proc/PID/ns/user"
pid_t pid_in(const std::string& path) {
  return std::stoi(path.substr(std::string_view("/proc/").size()));
}

UserSpace share(const Record& record, const Sharing& sharing) {
  const std::string& path = sharing.namespaces.user;
  UserSpace space;
  space.ids.emplace(os::read_id_maps(pid_in(path)), os::open_file(path, O_RDONLY));
  if (is_ours(space.ids->user)) {
    base::fail(base::Kind::InvalidArgument,
               "container {} cannot share namespaces with a container that is in the host's user "
               "namespace: run it with --userns=host",
               record.id);
  }
  if (sharing.namespaces.network.empty())
    space.network = os::make_network_namespace_of(space.ids->user);
  return space;
}

}  // namespace

std::string UserSpace::path() const {
  return ids ? descriptor_path(ids->user) : std::string();
}

std::optional<os::IdMaps> id_maps_of(const Settings& settings, const Record& record) {
  if (record.host.userns_mode == "host") return std::nullopt;
  if (record.ids) return maps_of(*record.ids);
  return settings.remap;
}

UserSpace make_user_space(const Settings& settings, const Record& record, const Sharing& sharing) {
  std::optional<os::IdMaps> maps = id_maps_of(settings, record);
  if (!maps) return {};
  // A namespace belongs to a user namespace, and who shares the one is privileged in it only from
  // within the other.
  if (!sharing.namespaces.user.empty()) return share(record, sharing);
  os::UserNamespace made = os::make_user_namespace(*maps, os::WithNetwork::Yes);
  UserSpace space;
  space.ids.emplace(std::move(*maps), std::move(made.user));
  space.network = std::move(made.network);
  return space;
}

bool maps_ids(const Containers::State& state, const MountSpec& mount) {
  // One with a device is the host's, as a bind mount is.
  return mount.type == MountSpec::Type::Volume && !has_device(state, mount);
}

std::optional<os::IdSpace> ids_of_running(const Run& run) {
  if (!run.has_user_namespace.value_or(true)) return std::nullopt;
  const pid_t pid = run.task.pid();
  os::Fd user = os::open_file(fmt::format("/proc/{}/ns/user", pid), O_RDONLY);
  if (is_ours(user)) return std::nullopt;
  return os::IdSpace{os::read_id_maps(pid), std::move(user)};
}

std::optional<os::IdSpace> ids_at_rest(const Settings& settings, const Record& record) {
  std::optional<os::IdMaps> maps = id_maps_of(settings, record);
  if (!maps) return std::nullopt;
  os::UserNamespace made = os::make_user_namespace(*maps, os::WithNetwork::No);
  return os::IdSpace{std::move(*maps), std::move(made.user)};
}

}  // namespace wharf::container
