// Containers onto networks and off them: join, restore, connect, disconnect.
#include <charconv>

#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/strings.h"
#include "network/drivers/bridge_options.h"
#include "network/links.h"
#include "network/networks.h"
#include "network/records.h"
#include "network/state.h"
#include "os/namespace.h"

namespace wharf::network {
namespace {

using base::fail;
using base::Kind;

constexpr const char* kInterfaceName = "com.docker.network.endpoint.ifname";
constexpr const char* kInterfaceSysctls = "com.docker.network.endpoint.sysctls";

/// What stands before the reason when a start fails here.
constexpr const char* kSetUpFailed = "failed to set up container networking: ";

[[noreturn]] void rethrow_with(const std::string& words) {
  try {
    throw;
  } catch (const base::Error& error) {
    throw base::Error(error.kind(), words + error.what(), error.error_number());
  }
}

std::string option(const EndpointRequest& request, const char* name) {
  const auto found = request.driver_opts.find(name);
  return found == request.driver_opts.end() ? std::string() : found->second;
}

std::vector<std::string> dns_names(const Entry& entry, const JoinRequest& container,
                                   const EndpointRequest& request) {
  // Docker: the default bridge resolves no names, so it lists none.
  std::vector<std::string> names;
  if (entry.network.predefined) return names;
  const auto add = [&](const std::string& name) {
    const bool known = std::find(names.begin(), names.end(), name) != names.end();
    if (!name.empty() && !known) names.push_back(name);
  };
  add(container.container_name);
  for (const std::string& alias : request.aliases) add(alias);
  add(base::short_id(container.container_id));
  add(container.hostname);
  return names;
}

void check_request(const Entry& entry, const EndpointRequest& request) {
  if (!entry.driver) {
    fail(Kind::Forbidden, "cannot create endpoint on configuration-only network");
  }
  if (!request.ipv6_address.empty()) {
    fail(Kind::NotImplemented, "IPv6 addresses of containers are not supported yet");
  }
  const bool wants_address = !request.ipv4_address.empty();
  if (entry.network.predefined && wants_address) {
    fail(Kind::InvalidArgument,
         "user specified IP address is supported on user defined networks only");
  }
  if (entry.network.predefined && !request.aliases.empty()) {
    fail(Kind::InvalidArgument,
         "network-scoped aliases are only supported for user-defined networks");
  }
  if (wants_address && !entry.network.user_subnet) {
    fail(Kind::InvalidArgument,
         "invalid endpoint settings:\nuser specified IP address is supported only when "
         "connecting to networks with user configured subnets");
  }
  const auto address = wants_address ? Ipv4::try_parse(request.ipv4_address) : std::nullopt;
  if (wants_address && (!address || !entry.range->subnet().contains(*address))) {
    fail(Kind::InvalidArgument,
         "invalid endpoint settings:\nno configured subnet contains IP address {}",
         request.ipv4_address);
  }
}

/// Takes membership and an address: all of an endpoint that is not in the kernel.
EndpointState allocate(Networks::State& state, const SandboxState& sandbox,
                       const EndpointRequest& request) {
  const EntryPointer entry = state.find(request.network);
  check_request(*entry, request);
  EndpointState endpoint;
  EndpointInfo& info = endpoint.info;
  info.network_name = entry->network.name;
  info.network_id = entry->network.id;
  info.endpoint_id = base::random_id();
  info.request = request;
  info.dns_names = dns_names(*entry, sandbox.request, request);
  if (entry->driver->has_interfaces()) {
    const std::string words = fmt::format("{} ({})", entry->network.name, entry->network.id);
    endpoint.lease = request.ipv4_address.empty()
                         ? entry->range->lease(words)
                         : entry->range->lease(Ipv4::parse(request.ipv4_address));
    const MacAddress mac = request.mac_address.empty() ? MacAddress::of(endpoint.lease.address())
                                                       : MacAddress::parse(request.mac_address);
    endpoint.index = sandbox.next_index();
    info.ip_address = endpoint.lease.address().text();
    info.ip_prefix_len = entry->range->subnet().bits;
    info.mac_address = mac.text();
    info.interface = option(request, kInterfaceName);
    if (info.interface.empty()) {
      const auto options = BridgeOptions::parse(entry->network, entry->network.id);
      info.interface = options.interface_prefix + std::to_string(endpoint.index - 2);
    }
    // Docker: an internal network has no way out, so its containers get no gateway.
    const std::string& routed = entry->network.router_address.empty()
                                    ? entry->network.ipam.at(0).gateway
                                    : entry->network.router_address;
    info.gateway = entry->network.internal ? "" : routed;
  }
  const std::string cidr =
      info.ip_address.empty() ? "" : fmt::format("{}/{}", info.ip_address, info.ip_prefix_len);
  endpoint.membership = EndpointState::Membership(
      state, entry,
      {sandbox.request.container_id, sandbox.request.container_name, info.endpoint_id,
       info.mac_address, cidr, info.dns_names, request.links});
  return endpoint;
}

/// "net.ipv4.conf.IFNAME.forwarding=0,..." of one endpoint.
void write_interface_sysctls(const NetworkNamespace& netns, const EndpointInfo& info) {
  const std::string list = option(info.request, kInterfaceSysctls);
  if (list.empty()) return;
  std::vector<std::pair<std::string, std::string>> settings;
  for (const std::string& entry : base::split(list, ',')) {
    const std::size_t equals = entry.find('=');
    std::vector<std::string> parts = base::split(entry.substr(0, equals), '.');
    const bool good = equals != std::string::npos && parts.size() == 5 && parts[0] == "net" &&
                      (parts[1] == "ipv4" || parts[1] == "ipv6" || parts[1] == "mpls") &&
                      parts[3] == "IFNAME" && entry.find("..") == std::string::npos &&
                      entry.find('/') == std::string::npos;
    if (!good) {
      fail(Kind::InvalidArgument, "invalid interface sysctl {}: it must be net.X.Y.IFNAME.Z=value",
           base::quoted(entry));
    }
    parts[3] = info.interface;
    settings.emplace_back(base::join(parts, "/"), entry.substr(equals + 1));
  }
  os::in_network_namespace(netns.fd, [&] {
    for (const auto& [name, value] : settings) os::write_sysctl(name, value);
  });
}

void plug(SandboxState& sandbox, const EndpointState& endpoint, bool default_route) {
  if (endpoint.index == 0) return;
  InterfacePlan plan;
  plan.name = endpoint.info.interface;
  plan.index = endpoint.index;
  plan.address = endpoint.lease.address();
  plan.subnet = endpoint.lease.subnet();
  plan.mac = MacAddress::parse(endpoint.info.mac_address);
  if (default_route && !endpoint.info.gateway.empty()) {
    plan.gateway = Ipv4::parse(endpoint.info.gateway);
  }
  endpoint.entry().driver->plug(endpoint.entry().network, plan, *sandbox.netns);
  write_interface_sysctls(*sandbox.netns, endpoint.info);
}

/// What is to be published: the bindings asked for, and with -P every exposed port.
PortMap wanted_ports(const JoinRequest& request) {
  PortMap wanted = request.published;
  if (!request.publish_all) return wanted;
  for (const Port& port : request.exposed) {
    auto& bindings = wanted[port];
    if (!bindings) bindings = {PortBinding{}};
  }
  return wanted;
}

void publish_ports(SandboxState& sandbox) {
  const EndpointState* by = sandbox.gateway();
  if (!by) return;  // Docker: ports of a container without a way out are not published.
  try {
    by->entry().driver->publish(by->entry().network, by->lease.address(),
                                wanted_ports(sandbox.request), sandbox.publication);
  } catch (const base::Error&) {
    rethrow_with(
        fmt::format("driver failed programming external connectivity on endpoint {} ({}): ",
                    sandbox.request.container_name, by->info.endpoint_id));
  }
}

void set_default_route(SandboxState& sandbox) {
  const EndpointState* by = sandbox.gateway();
  if (!by || by->info.gateway.empty()) return delete_default_routes(sandbox.netns->route);
  replace_default_route(sandbox.netns->route, by->index, Ipv4::parse(by->info.gateway));
}

}  // namespace

Sandbox Networks::join(const JoinRequest& request, os::Fd netns) {
  state_->make_ready();
  auto sandbox = std::make_unique<SandboxState>();
  sandbox->networks = state_.get();
  sandbox->id = base::random_id();
  sandbox->request = request;
  try {
    bool shares_host = false;
    for (const EndpointRequest& each : request.endpoints) {
      sandbox->endpoints.push_back(allocate(*state_, *sandbox, each));
      shares_host |= sandbox->endpoints.back().entry().driver == &state_->host;
    }
    if (!shares_host) {
      sandbox->netns = netns ? NetworkNamespace::of_user(std::move(netns)) : state_->pool.take();
      const EndpointState* gateway = sandbox->gateway();
      for (const EndpointState& each : sandbox->endpoints) plug(*sandbox, each, &each == gateway);
      publish_ports(*sandbox);
      serve_names(*sandbox);
    }
  } catch (const base::Error&) {
    rethrow_with(kSetUpFailed);
  }
  return Sandbox(std::move(sandbox));
}

Sandbox Networks::restore(const base::Json& record, os::Fd netns) {
  const base::JsonObject& object = record.as_object();
  auto sandbox = std::make_unique<SandboxState>();
  sandbox->networks = state_.get();
  sandbox->id = std::string(base::text_at(object, "ID"));
  sandbox->request = join_request(object.at("Request"));
  if (!object.at("SharesHost").as_bool())
    sandbox->netns = NetworkNamespace::enter(std::move(netns));
  for (const base::Json& each : object.at("Endpoints").as_array()) {
    EndpointState endpoint;
    endpoint.info = endpoint_info(each);
    endpoint.index = each.as_object().at("Index").to_number<int>();
    const EndpointInfo& info = endpoint.info;
    const EntryPointer entry = state_->find(info.network_id);
    std::string cidr;
    if (endpoint.index != 0) {
      endpoint.lease = entry->range->lease(Ipv4::parse(info.ip_address));
      cidr = fmt::format("{}/{}", info.ip_address, info.ip_prefix_len);
    }
    endpoint.membership = EndpointState::Membership(
        *state_, entry,
        {sandbox->request.container_id, sandbox->request.container_name, info.endpoint_id,
         info.mac_address, cidr, info.dns_names, info.request.links});
    sandbox->endpoints.push_back(std::move(endpoint));
  }
  if (const EndpointState* by = sandbox->gateway()) {
    sandbox->publication =
        by->entry().driver->restore_publication(by->lease.address(), object.at("Ports"));
  }
  try {
    serve_names(*sandbox);
  } catch (const base::Error& error) {
    base::log_error("names for container {}: {}", sandbox->request.container_id, error.what());
  }
  return Sandbox(std::move(sandbox));
}

void Networks::connect(Sandbox& sandbox, const EndpointRequest& request) {
  SandboxState& to = *sandbox.state();
  const EntryPointer entry = state_->find(request.network);
  if (to.shares_host()) {
    fail(Kind::InvalidArgument,
         "container sharing network namespace with another container or host cannot be connected "
         "to any other network");
  }
  if (entry->driver == &state_->host) {
    fail(Kind::InvalidArgument,
         "cannot connect container to host network - container must be created in host network "
         "mode");
  }
  const bool with_none = std::any_of(to.endpoints.begin(), to.endpoints.end(), [&](const auto& e) {
    return e.entry().driver == &state_->null;
  });
  if (with_none || entry->driver == &state_->null) {
    fail(Kind::InvalidArgument,
         "container cannot be connected to multiple networks with one of the networks in private "
         "(none) mode");
  }
  EndpointState endpoint = allocate(*state_, to, request);
  plug(to, endpoint, false);
  to.endpoints.push_back(std::move(endpoint));
  set_default_route(to);
  if (to.publication.empty()) publish_ports(to);
  serve_names(to);
  state_->publish("connect", *entry, to.request.container_id);
}

void Networks::publish(Sandbox& sandbox, const PortMap& published) {
  SandboxState& of = *sandbox.state();
  const PortMap before = std::exchange(of.request.published, published);
  try {
    publish_ports(of);
  } catch (const base::Error&) {
    of.request.published = before;
    throw;
  }
}

void Networks::disconnect(Sandbox& sandbox, std::string_view network) {
  SandboxState& from = *sandbox.state();
  const EntryPointer entry = state_->find(network);
  const auto found =
      std::find_if(from.endpoints.begin(), from.endpoints.end(),
                   [&](const EndpointState& each) { return each.membership.entry == entry; });
  if (found == from.endpoints.end()) {
    fail(Kind::Internal, "container {} is not connected to network {}", from.request.container_id,
         entry->network.name);
  }
  if (from.shares_host()) {
    fail(Kind::InvalidArgument,
         "container cannot be disconnected from host network - container "
         "was created in host network mode");
  }
  const bool published = from.gateway() == &*found;
  if (published) from.publication = Publication();
  if (found->index != 0) delete_link(from.netns->route, found->index);
  from.endpoints.erase(found);
  state_->publish("disconnect", *entry, from.request.container_id);
  if (!published) return;
  set_default_route(from);
  publish_ports(from);
}

}  // namespace wharf::network
