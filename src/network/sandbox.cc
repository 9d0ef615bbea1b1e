#include "network/sandbox.h"

#include "base/error.h"
#include "base/log.h"
#include "network/names.h"
#include "network/records.h"
#include "network/state.h"
#include "os/file.h"

namespace wharf::network {

EndpointState::Membership::Membership(Networks::State& of, EntryPointer at, const Member& member)
    : entry(std::move(at)), container_id(member.container_id) {
  const std::lock_guard lock(of.mutex);
  if (entry->removed) {
    base::fail(base::Kind::NotFound, "network {} not found", entry->network.id);
  }
  if (!entry->members.emplace(container_id, member).second) {
    base::fail(base::Kind::Forbidden, "endpoint with name {} already exists in network {}",
               member.container_name, entry->network.name);
  }
  state = &of;
}

EndpointState::Membership::Membership(Membership&& other) noexcept {
  *this = std::move(other);
}

EndpointState::Membership& EndpointState::Membership::operator=(Membership&& other) noexcept {
  if (this != &other) {
    leave();
    state = std::exchange(other.state, nullptr);
    entry = std::move(other.entry);
    container_id = std::move(other.container_id);
  }
  return *this;
}

void EndpointState::Membership::leave() {
  if (!state) return;
  const std::lock_guard lock(state->mutex);
  entry->members.erase(container_id);
  state = nullptr;
}

int SandboxState::next_index() const {
  int index = 2;  // 1 is the loopback.
  for (const EndpointState& endpoint : endpoints) index = std::max(index, endpoint.index + 1);
  return index;
}

const EndpointState* SandboxState::gateway() const {
  const EndpointState* best = nullptr;
  for (const EndpointState& endpoint : endpoints) {
    if (endpoint.index == 0 || endpoint.entry().network.internal) continue;
    const auto rank = [](const EndpointState& each) {
      return std::pair(-each.info.request.gw_priority, std::string_view(each.info.network_name));
    };
    if (!best || rank(endpoint) < rank(*best)) best = &endpoint;
  }
  return best;
}

Sandbox::Sandbox() = default;
Sandbox::Sandbox(std::unique_ptr<SandboxState> state) : state_(std::move(state)) {}
Sandbox::Sandbox(Sandbox&& other) noexcept = default;
Sandbox& Sandbox::operator=(Sandbox&& other) noexcept = default;
Sandbox::~Sandbox() = default;

const os::Fd& Sandbox::netns() const {
  static const os::Fd none;
  if (!state_ || !state_->netns) return none;
  return state_->netns->fd;
}

const std::string& Sandbox::id() const {
  static const std::string none;
  return state_ ? state_->id : none;
}

std::vector<EndpointInfo> Sandbox::endpoints() const {
  std::vector<EndpointInfo> infos;
  if (!state_) return infos;
  for (const EndpointState& endpoint : state_->endpoints) infos.push_back(endpoint.info);
  return infos;
}

PortMap Sandbox::ports() const {
  if (!state_ || state_->shares_host()) return {};
  PortMap map = state_->publication.ports();
  for (const Port& port : state_->request.exposed) map.try_emplace(port);
  for (const auto& [port, bindings] : state_->request.published) map.try_emplace(port);
  return map;
}

std::string Sandbox::hosts_file() const {
  if (!state_) return {};
  const JoinRequest& request = state_->request;
  HostsFile hosts;
  hosts.extra_hosts = request.extra_hosts;
  hosts.host_gateway = state_->networks->host_gateway();
  hosts.links = request.links;
  hosts.hostname = request.hostname;
  hosts.domainname = request.domainname;
  // Docker: on the host's network the host's own names hold, and the container adds none.
  if (state_->shares_host()) hosts.base = os::read_file_if_exists("/etc/hosts").value_or("");
  for (const EndpointState& endpoint : state_->endpoints) {
    if (!endpoint.info.ip_address.empty()) hosts.addresses.push_back(endpoint.info.ip_address);
  }
  return build_hosts_file(hosts);
}

std::string Sandbox::resolv_conf() const {
  if (!state_) return {};
  const Settings& settings = state_->networks->settings;
  const DnsSettings daemon{settings.dns, settings.dns_search, settings.dns_options};
  const DnsSettings& own = state_->request.dns;
  const bool silent = own.servers.empty() && own.search.empty() && own.options.empty() &&
                      daemon.servers.empty() && daemon.search.empty() && daemon.options.empty();
  if (state_->shares_host() && silent) {
    return os::read_file_if_exists(settings.resolv_conf).value_or("");
  }
  if (state_->has_names())
    return build_resolv_conf_for_names(own, daemon, settings.resolv_conf, outer_servers(*state_));
  return build_resolv_conf(own, daemon, settings.resolv_conf);
}

base::Json Sandbox::record() const {
  if (!state_) return nullptr;
  base::JsonArray endpoints;
  for (const EndpointState& endpoint : state_->endpoints) {
    base::JsonObject one = to_json(endpoint.info).as_object();
    one["Index"] = endpoint.index;
    endpoints.push_back(std::move(one));
  }
  return base::JsonObject{{"ID", state_->id},
                          {"SharesHost", state_->shares_host()},
                          {"Request", to_json(state_->request)},
                          {"Endpoints", std::move(endpoints)},
                          {"Ports", state_->publication.record()}};
}

void Sandbox::forget() {
  if (!state_) return;
  state_->publication.forget();
  for (EndpointState& endpoint : state_->endpoints) {
    endpoint.membership.forget();
    endpoint.lease.forget();
  }
  state_.reset();
}

}  // namespace wharf::network
