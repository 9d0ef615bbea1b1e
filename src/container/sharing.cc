#include "container/sharing.h"

#include <unistd.h>

#include "base/error.h"
#include "base/ids.h"
#include "os/mount.h"

namespace wharf::container {

namespace {

using base::Kind;
using Lines = std::vector<std::string>;

constexpr std::string_view kContainer = "container:";

/// The running container that `mode` names, or nothing where it names none. `doing` begins
/// the error text.
std::shared_ptr<Run> donor_of(const Containers::State& state, const std::string& mode,
                              const char* doing, ContainerPointer& donor) {
  if (!mode.starts_with(kContainer)) return nullptr;
  try {
    donor = state.find(mode.substr(kContainer.size()));
  } catch (const base::Error& error) {
    base::fail(Kind::Internal, "{}: {}", doing, error.what());
  }
  const View view = donor->view();
  if (auto run = view.run()) return run;
  base::fail(Kind::Internal, "{}: container {} is not running", doing, donor->id);
}

std::string namespace_path(const Run& run, const char* name) {
  return fmt::format("/proc/{}/ns/{}", run.task.pid(), name);
}

void share_ipc(const Containers::State& state, const Record& record, Sharing& sharing) {
  ContainerPointer donor;
  const auto run = donor_of(state, record.host.ipc_mode, "failed to join IPC namespace", donor);
  if (!run) return;
  if (donor->record().host.ipc_mode != "shareable") {
    base::fail(Kind::InvalidArgument,
               "failed to join IPC namespace: container {}: non-shareable IPC (hint: use "
               "IpcMode:shareable for the donor container)",
               donor->id);
  }
  sharing.namespaces.ipc = namespace_path(*run, "ipc");
  sharing.namespaces.user = namespace_path(*run, "user");
  sharing.shm = run->copy_of(run->shm);
  if (!sharing.shm.valid()) {
    base::fail(
        Kind::Internal,
        "failed to join IPC namespace: the shared memory of container {} cannot be shared any "
        "more: restart it first",
        donor->id);
  }
  sharing.namespaces.shm_source = descriptor_path(sharing.shm);
}

/// Docker: --link on the default bridge is a line in /etc/hosts.
void add_linked_hosts(const Containers::State& state, const Record& record, Lines& hosts) {
  for (const auto& [alias, id] : record.links) {
    ContainerPointer donor;
    std::shared_ptr<Run> run;
    try {
      donor = state.find(id);
      run = donor->view().run();
    } catch (const base::Error&) {
      continue;
    }
    if (!run) {
      base::fail(Kind::Internal, "cannot link to a non running container: /{} AS /{}/{}",
                 donor->name(), record.name, alias);
    }
    const std::lock_guard lock(run->endpoints_mutex);
    for (const network::EndpointInfo& endpoint : run->endpoints) {
      if (endpoint.ip_address.empty()) continue;
      hosts.push_back(fmt::format("{} {} {}:{}", alias, base::short_id(id), donor->name(),
                                  endpoint.ip_address));
      break;
    }
  }
}

}  // namespace

network::PortMap published_ports(const api::HostConfig& host) {
  network::PortMap ports;
  for (const auto& [port, bindings] : host.port_bindings.value_or(api::PortBindings{})) {
    auto& list = ports[network::Port::parse(port)].emplace();
    for (const auto& binding : bindings.value_or(std::vector<api::PortBinding>{})) {
      list.push_back({binding.host_ip, binding.host_port});
    }
  }
  return ports;
}

network::EndpointRequest endpoint_request(const std::string& name,
                                          const api::EndpointSettings& settings) {
  network::EndpointRequest request;
  // Docker: once it has run, a container holds on to that very network, not to the name.
  const bool predefined = name == "bridge" || name == "default" || name == "host" || name == "none";
  const bool by_name = settings.network_id.empty() || predefined;
  request.network = by_name ? name : settings.network_id;
  if (settings.ipam_config) {
    request.ipv4_address = settings.ipam_config->ipv4_address;
    request.ipv6_address = settings.ipam_config->ipv6_address;
  }
  request.mac_address = settings.mac_address;
  request.aliases = settings.aliases.value_or(Lines{});
  request.links = settings.links.value_or(Lines{});
  request.driver_opts = settings.driver_opts.value_or(api::StringMap::value_type{});
  request.gw_priority = settings.gw_priority;
  return request;
}

std::string descriptor_path(const os::Fd& fd) {
  return fmt::format("/proc/{}/fd/{}", ::getpid(), fd.get());
}

os::Fd make_shared_memory(const api::HostConfig& host, const std::optional<os::IdSpace>& ids) {
  std::vector<os::MountOption> options = {{"size", std::to_string(host.shm_size)},
                                          {"mode", "1777"}};
  if (ids) {
    options.push_back({"uid", std::to_string(os::outside_id(ids->maps.uids, 0).value_or(0))});
    options.push_back({"gid", std::to_string(os::outside_id(ids->maps.gids, 0).value_or(0))});
  }
  os::DetachedMount mount = os::DetachedMount::of_type("tmpfs", options);
  mount.set_flags({.no_suid = true, .no_dev = true, .no_exec = true}, os::Depth::TopOnly);
  return std::move(mount).release();
}

Sharing find_sharing(const Containers::State& state, const Record& record) {
  Sharing sharing;
  ContainerPointer donor;
  if (const auto run = donor_of(state, record.host.network_mode,
                                "joining network namespace of container", donor)) {
    sharing.namespaces.network = namespace_path(*run, "net");
    sharing.namespaces.user = namespace_path(*run, "user");
    sharing.files_directory = state.directory(donor->id);
    sharing.hostname = donor->record().config.hostname;
  }
  if (const auto run =
          donor_of(state, record.host.pid_mode, "failed to join PID namespace", donor)) {
    sharing.namespaces.pid = namespace_path(*run, "pid");
    sharing.namespaces.user = namespace_path(*run, "user");
  }
  share_ipc(state, record, sharing);
  return sharing;
}

network::Sandbox join_networks(const Containers::State& state, const Record& record, os::Fd netns) {
  const api::HostConfig& host = record.host;
  network::JoinRequest request;
  request.container_id = record.id;
  request.container_name = record.name;
  request.hostname = record.config.hostname;
  request.domainname = record.config.domainname;
  // The network of the mode comes first: it is eth0.
  const auto main = record.endpoints.find(host.network_mode);
  if (main != record.endpoints.end()) {
    request.endpoints.push_back(endpoint_request(main->first, main->second));
  }
  for (const auto& [name, settings] : record.endpoints) {
    if (name != host.network_mode) request.endpoints.push_back(endpoint_request(name, settings));
  }
  if (host.network_mode != "host") request.published = published_ports(host);
  for (const auto& [port, empty] :
       record.config.exposed_ports.value_or(api::StringSet::value_type{})) {
    request.exposed.push_back(network::Port::parse(port));
  }
  request.publish_all = host.publish_all_ports;
  const auto choose = [](const api::Strings& own, const Lines& daemons) {
    return own && !own->empty() ? *own : daemons;
  };
  request.dns.servers = choose(host.dns, state.settings.dns);
  std::erase(request.dns.servers, "");
  request.dns.search = choose(host.dns_search, state.settings.dns_search);
  request.dns.options = choose(host.dns_options, state.settings.dns_options);
  request.extra_hosts = host.extra_hosts.value_or(Lines{});
  add_linked_hosts(state, record, request.extra_hosts);
  return state.services.networks.join(request, std::move(netns));
}

}  // namespace wharf::container
