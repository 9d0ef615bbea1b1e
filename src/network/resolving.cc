// Names of containers on user-defined networks: who is meant, as seen by whom.
#include "base/strings.h"
#include "network/names.h"
#include "network/state.h"

namespace wharf::network {
namespace {

bool has_name(const Member& member, std::string_view name) {
  return std::ranges::any_of(member.dns_names,
                             [&](const std::string& own) { return base::equal_fold(own, name); });
}

/// "web.front" on network "front" is "web".
std::string_view without_network(std::string_view name, const std::string& network) {
  const std::size_t tail = network.size() + 1;
  if (name.size() <= tail || name[name.size() - tail] != '.') return name;
  return base::equal_fold(name.substr(name.size() - network.size()), network)
             ? name.substr(0, name.size() - tail)
             : name;
}

/// What `asker` calls `name` by one of its links, or the name itself.
std::string_view linked(const Member& asker, std::string_view name) {
  for (const std::string_view link : asker.links) {
    const std::size_t colon = link.find(':');
    if (colon != std::string_view::npos && base::equal_fold(link.substr(colon + 1), name))
      return link.substr(0, colon);
  }
  return name;
}

std::optional<Ipv4> address_of(const Member& member) {
  return Ipv4::try_parse(member.ipv4_address.substr(0, member.ipv4_address.find('/')));
}

}  // namespace

std::optional<std::vector<Ipv4>> Networks::State::addresses_of(const std::string& container_id,
                                                               const std::string& name) const {
  const std::lock_guard lock(mutex);
  std::optional<std::vector<Ipv4>> found;
  for (const auto& [id, entry] : by_id) {
    const auto asker = entry->members.find(container_id);
    if (entry->network.predefined || asker == entry->members.end()) continue;
    const std::string_view wanted =
        linked(asker->second, without_network(name, entry->network.name));
    for (const auto& [member_id, member] : entry->members) {
      if (!has_name(member, wanted) && !has_name(member, name)) continue;
      if (!found) found.emplace();
      if (const auto address = address_of(member)) found->push_back(*address);
    }
  }
  return found;
}

std::vector<std::string> Networks::State::names_of(const std::string& container_id,
                                                   Ipv4 address) const {
  const std::lock_guard lock(mutex);
  std::vector<std::string> names;
  for (const auto& [id, entry] : by_id) {
    if (entry->network.predefined || !entry->members.contains(container_id)) continue;
    for (const auto& [member_id, member] : entry->members) {
      if (address_of(member) == address)
        names.push_back(member.container_name + "." + entry->network.name);
    }
  }
  return names;
}

void Networks::rename(Sandbox& sandbox, const std::string& name) {
  SandboxState* renamed = sandbox.state();
  if (!renamed) return;
  const std::string old = std::exchange(renamed->request.container_name, name);
  const std::lock_guard lock(state_->mutex);
  for (EndpointState& endpoint : renamed->endpoints) {
    std::vector<std::string>& names = endpoint.info.dns_names;
    // The name comes first, unless an alias of the same text has taken its place.
    if (!names.empty() && names.front() == old) names.front() = name;
    Member& member = endpoint.membership.entry->members.at(renamed->request.container_id);
    member.container_name = name;
    member.dns_names = names;
  }
}

DnsServer& Networks::State::name_server() {
  std::call_once(dns_made, [this] { dns = std::make_unique<DnsServer>(); });
  return *dns;
}

bool SandboxState::has_names() const {
  return std::ranges::any_of(endpoints, [](const EndpointState& each) {
    return each.index != 0 && !each.entry().network.predefined;
  });
}

std::vector<std::string> outer_servers(const SandboxState& sandbox) {
  if (!sandbox.gateway()) return {};
  const Settings& settings = sandbox.networks->settings;
  if (!sandbox.request.dns.servers.empty()) return sandbox.request.dns.servers;
  if (!settings.dns.empty()) return settings.dns;
  return host_name_servers(settings.resolv_conf);
}

void serve_names(SandboxState& sandbox) {
  if (sandbox.names.open() || !sandbox.netns || !sandbox.has_names()) return;
  Networks::State* state = sandbox.networks;
  DnsView view;
  view.addresses = [state, id = sandbox.request.container_id](const std::string& name) {
    return state->addresses_of(id, name);
  };
  view.names = [state, id = sandbox.request.container_id](Ipv4 address) {
    return state->names_of(id, address);
  };
  view.servers = outer_servers(sandbox);
  sandbox.names = state->name_server().listen(*sandbox.netns, std::move(view));
}

}  // namespace wharf::network
