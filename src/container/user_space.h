// The user namespace of a container, and what is mounted for it.
//
// A container has one by --userns-remap of the daemon or by UsernsMode "auto". On the disk its
// files (layers, writable layer, volumes, the files of /etc) have the ids that it sees itself;
// id-mapped mounts shift them to those that its processes have on the host. Bind mounts are the
// host's and are not shifted, as with Docker. Why: docs/user-namespaces.md. Any thread.
#pragma once

#include <optional>
#include <string>

#include "container/sharing.h"
#include "os/user_namespace.h"

namespace wharf::container {

/// What a container is started in; of one without a user namespace everything is empty.
struct UserSpace {
  std::optional<os::IdSpace> ids;
  os::Fd network;  ///< A network namespace that belongs to it, unless it shares one.

  const os::IdSpace* get() const { return ids ? &*ids : nullptr; }
  /// Where the runtime finds the user namespace, or "".
  std::string path() const;
};

/// The ids of a container that does not share namespaces, or nothing.
std::optional<os::IdMaps> id_maps_of(const Settings& settings, const Record& record);

/// Makes the namespace, or opens that of the container whose other namespaces are shared: then both
/// must be in the same. Throws InvalidArgument where that one has none, Internal for what the
/// kernel refuses.
UserSpace make_user_space(const Settings& settings, const Record& record, const Sharing& sharing);

/// Whether the container's processes see the ids of this mount as they are on the disk.
bool maps_ids(const Containers::State& state, const MountSpec& mount);

/// The namespace of a container that runs, or nothing where it is in the host's.
std::optional<os::IdSpace> ids_of_running(const Run& run);

/// As a container that does not run would be started.
std::optional<os::IdSpace> ids_at_rest(const Settings& settings, const Record& record);

}  // namespace wharf::container
