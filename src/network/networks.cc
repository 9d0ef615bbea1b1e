#include "network/networks.h"

#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "network/links.h"
#include "network/records.h"
#include "network/state.h"

namespace wharf::network {
namespace {

using base::fail;
using base::Kind;

}  // namespace

Networks::State::State(Settings given, store::Database& db, base::EventSink& sink,
                       const std::vector<Network>& kept)
    : settings(std::move(given)),
      database(db),
      events(sink),
      firewall({settings.instance, turns_host_into_router(kept) && !settings.ip_forward_no_drop,
                settings.firewall}),
      bridges(firewall, ports, settings.default_host_ip),
      pool(settings.pooled_namespaces),
      space(settings.address_pools) {}

Networks::Networks(Settings settings, store::Database& database, base::EventSink& events) {
  const std::vector<Network> kept = load_networks(database);
  state_ = std::make_unique<State>(std::move(settings), database, events, kept);
  // Table and chains first: what follows adds bridges to them. The table of an earlier run
  // stays in force until restored() replaces it.
  state_->load_user_networks(kept);
  state_->make_default_bridge(kept);
  state_->make_fixed(kept, "host", state_->host);
  state_->make_fixed(kept, "none", state_->null);
}

Networks::~Networks() = default;

void Networks::restored() {
  state_->make_ready();
  state_->bridges.sweep();
}

void Networks::repair_firewall() {
  state_->firewall.rebuild();
}

void Networks::State::add(const EntryPointer& entry) {
  const std::lock_guard lock(mutex);
  by_id[entry->network.id] = entry;
  by_name[entry->network.name] = entry;
}

void Networks::State::load_user_networks(const std::vector<Network>& kept) {
  for (const Network& network : kept) {
    if (network.predefined) continue;
    auto entry = std::make_shared<Entry>();
    entry->network = network;
    try {
      if (!network.config_only) bring_up(*entry);
    } catch (const base::Error& error) {
      // One that cannot be brought up must not stop the daemon; it can be inspected and removed.
      base::log_error("network {} does not work: {}", network.name, error.what());
    }
    add(entry);
  }
}

void Networks::State::bring_up(Entry& entry) {
  const Network& network = entry.network;
  const Subnet subnet = Subnet::parse(network.ipam.at(0).subnet);
  const IpamPool& pool_asked = network.ipam.at(0);
  space.take(subnet);
  try {
    const Subnet part = pool_asked.ip_range.empty() ? subnet : Subnet::parse(pool_asked.ip_range);
    entry.range = std::make_shared<AddressRange>(subnet, part);
    entry.range->reserve(Ipv4::parse(pool_asked.gateway));
    for (const auto& [name, address] : pool_asked.auxiliary_addresses) {
      entry.range->reserve(Ipv4::parse(address));
    }
    bridges.add(network);
  } catch (...) {
    space.give_back(subnet);
    throw;
  }
  entry.driver = &bridges;
}

EntryPointer Networks::State::find_locked(std::string_view name_or_id) const {
  const std::string key(name_or_id == "default" ? "bridge" : name_or_id);
  if (const auto found = by_id.find(key); found != by_id.end()) return found->second;
  if (const auto found = by_name.find(key); found != by_name.end()) return found->second;
  EntryPointer match;
  int matches = 0;
  for (auto it = by_id.lower_bound(key); !key.empty() && it != by_id.end(); ++it) {
    if (!it->first.starts_with(key)) break;
    match = it->second;
    ++matches;
  }
  if (matches > 1) {
    fail(Kind::InvalidArgument, "network {} is ambiguous ({} matches found based on ID prefix)",
         key, matches);
  }
  if (!match) fail(Kind::NotFound, "network {} not found", key);
  return match;
}

EntryPointer Networks::State::find(std::string_view name_or_id) const {
  const std::lock_guard lock(mutex);
  return find_locked(name_or_id);
}

std::vector<std::string> Networks::State::host_gateway() const {
  if (!settings.host_gateway_ips.empty()) return settings.host_gateway_ips;
  if (default_gateway.empty()) return {};
  return {default_gateway};
}

void Networks::State::publish(const char* action, const Entry& entry,
                              const std::string& container_id) {
  base::Event event;
  event.type = "network";
  event.action = action;
  event.id = entry.network.id;
  event.attributes = {{"name", entry.network.name}, {"type", entry.network.driver}};
  if (!container_id.empty()) event.attributes["container"] = container_id;
  events.publish(std::move(event));
}

namespace {

/// The network as it is shown: with members, and how full its subnet is.
Network view(const Entry& entry) {
  Network network = entry.network;
  for (const auto& [id, member] : entry.members) network.members.push_back(member);
  if (!entry.range) return network;
  // Docker: the network's own address and the broadcast address count as used.
  network.subnets.push_back(
      {entry.range->subnet().text(), entry.range->in_use(), entry.range->available()});
  return network;
}

}  // namespace

Network Networks::inspect(std::string_view name_or_id) const {
  const std::lock_guard lock(state_->mutex);
  return view(*state_->find_locked(name_or_id));
}

std::vector<Network> Networks::list() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<Network> networks;
  for (const auto& [id, entry] : state_->by_id) networks.push_back(view(*entry));
  return networks;
}

std::string Networks::resolve(std::string_view name_or_id) const {
  return state_->find(name_or_id)->network.name;
}

void Networks::remove(std::string_view name_or_id) {
  const std::lock_guard changing(state_->changes);
  EntryPointer entry;
  {
    const std::lock_guard lock(state_->mutex);
    entry = state_->find_locked(name_or_id);
    const Network& network = entry->network;
    if (network.predefined) {
      fail(Kind::Forbidden, "{} is a pre-defined network and cannot be removed", network.name);
    }
    for (const auto& [id, other] : state_->by_id) {
      if (!network.config_only || other->network.config_from != network.name) continue;
      fail(Kind::Forbidden, "error while removing network: configuration network \"{}\" is in use",
           network.name);
    }
    std::string active;
    for (const auto& [id, member] : entry->members) {
      active += fmt::format("{}name:\"{}\" id:\"{}\"", active.empty() ? "" : ", ",
                            member.container_name, base::short_id(member.endpoint_id));
    }
    if (!active.empty()) {
      fail(Kind::Forbidden, "error while removing network: network {} has active endpoints ({})",
           network.name, active);
    }
    entry->removed = true;
    state_->by_id.erase(network.id);
    state_->by_name.erase(network.name);
  }
  // The row first: a bridge without one is swept at the next start.
  erase_network(state_->database, entry->network.id);
  if (entry->driver) {
    entry->driver->remove(entry->network);
    state_->space.give_back(Subnet::parse(entry->network.ipam.at(0).subnet));
  }
  state_->publish("destroy", *entry);
}

}  // namespace wharf::network
