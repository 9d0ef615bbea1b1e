// What a container shares with others: namespaces, and its place on the networks.
#pragma once

#include <string>

#include "container/spec.h"
#include "container/state.h"

namespace wharf::container {

struct Sharing {
  SharedNamespaces namespaces;
  std::string files_directory;  ///< Of the container whose network is shared, or "".
  os::Fd shm;                   ///< Kept open until the supervisor has copied the mount.
  std::string hostname;         ///< Docker: it has that container's hostname as well.
};

/// Throws Docker's texts where the other container is missing, not running, or does not share.
Sharing find_sharing(const Containers::State& state, const Record& record);

/// What is asked of one network, in the words of room network.
network::EndpointRequest endpoint_request(const std::string& name,
                                          const api::EndpointSettings& settings);

/// The /dev/shm of a container that shares it: a mount that is attached nowhere, so that
/// others can have it as well.
os::Fd make_shared_memory(const api::HostConfig& host, const std::optional<os::IdSpace>& ids);

/// A path at which the supervisor finds what `fd` is open on.
std::string descriptor_path(const os::Fd& fd);

/// HostConfig.PortBindings as room network has them. Throws InvalidArgument.
network::PortMap published_ports(const api::HostConfig& host);

/// `netns`: one that belongs to the container's user namespace, or none.
network::Sandbox join_networks(const Containers::State& state, const Record& record, os::Fd netns);

}  // namespace wharf::container
