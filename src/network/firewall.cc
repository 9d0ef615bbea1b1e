#include "network/firewall.h"

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>

#include <cerrno>

#include "base/digest.h"
#include "base/error.h"
#include "base/log.h"
#include "network/conntrack.h"
#include "network/request.h"

namespace wharf::network {
namespace {

// Names in the table. Bridges are keys, their chains carry the bridge's name.
const std::string kBridges = "bridges";
const std::string kToBridge = "to_bridge";
const std::string kInternal = "internal";
const std::string kSources = "sources";
const std::string kPorts = "ports";
const std::string kAddressPorts = "address_ports";
const std::string kPublished = "published";

std::string to_chain(const std::string& bridge) {
  return "to_" + bridge;
}
std::string from_chain(const std::string& bridge) {
  return "from_" + bridge;
}
std::string source_chain(const std::string& bridge) {
  return "source_" + bridge;
}

constexpr Subnet kLoopback{Ipv4{127u << 24}, 8};
constexpr Subnet kMulticastAndBroadcast{Ipv4{224u << 24}, 3};

std::string table_name(const std::string& instance) {
  return "wharf_" + std::string(base::Sha256::of(instance).hex().substr(0, 8));
}

bool any_address(const NftTarget& target) {
  return target.address.value == 0;
}
const std::string& map_of(const NftTarget& target) {
  return any_address(target) ? kPorts : kAddressPorts;
}
NftSetKind kind_of(const NftTarget& target) {
  return any_address(target) ? NftSetKind::PortTargets : NftSetKind::AddressPortTargets;
}

}  // namespace

Firewall::Firewall(Options options)
    : options_(std::move(options)),
      table_(table_name(options_.instance)),
      socket_(os::NetlinkSocket::open(NETLINK_NETFILTER)) {}

void Firewall::add_frame(NftBatch& batch) const {
  batch.add_set(kBridges, NftSetKind::Interfaces);
  batch.add_set(kToBridge, NftSetKind::InterfaceVerdicts);
  batch.add_set(kInternal, NftSetKind::InterfaceVerdicts);
  batch.add_set(kSources, NftSetKind::SubnetVerdicts);
  batch.add_set(kPorts, NftSetKind::PortTargets);
  batch.add_set(kAddressPorts, NftSetKind::AddressPortTargets);

  // CVE-2020-8558: with route_localnet a neighbour, or a container, would reach services that
  // listen on 127.0.0.1 only.
  batch.add_base_chain({"raw_prerouting", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW});
  batch.add_rule("raw_prerouting",
                 NftRule().interface_is_not(Side::In, "lo").destination_in(kLoopback).drop());
  batch.add_rule("raw_prerouting",
                 NftRule().interface_is_not(Side::In, "lo").source_in(kLoopback).drop());
  batch.add_rule("raw_prerouting", NftRule().jump_by_interface(Side::In, kInternal));

  batch.add_base_chain({"forward", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER});
  batch.add_rule("forward", NftRule().jump_by_interface(Side::In, kInternal));
  batch.add_rule("forward", NftRule().jump_by_interface(Side::Out, kToBridge));
  if (options_.drop_foreign_forwarding) {
    // Bridges are left to those who made them: other daemons forward too. Hardware has no kind
    // at all, so such a rule never matches it: hence two that accept and one that drops.
    batch.add_rule("forward", NftRule().interface_kind_is(Side::In, "bridge").accept());
    batch.add_rule("forward", NftRule().interface_kind_is(Side::Out, "bridge").accept());
    batch.add_rule("forward", NftRule().drop());
  }

  batch.add_chain(kPublished);
  batch.add_rule(kPublished, NftRule().translate_by_address_and_port(kAddressPorts));
  batch.add_rule(kPublished, NftRule().translate_by_port(kPorts));
  batch.add_base_chain({"nat_prerouting", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST});
  batch.add_rule("nat_prerouting", NftRule().ipv4().destination_is_local().jump(kPublished));
  batch.add_base_chain({"nat_output", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST});
  batch.add_rule("nat_output", NftRule().ipv4().destination_is_local().jump(kPublished));

  batch.add_base_chain({"nat_postrouting", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC});
  batch.add_rule("nat_postrouting", NftRule().jump_by_source(kSources));
  batch.add_rule("nat_postrouting",
                 NftRule().interface_in_set(Side::Out, kBridges).source_in(kLoopback).masquerade());
}

void Firewall::add_bridge_to(NftBatch& batch, const BridgeRules& rules) const {
  const std::string to = to_chain(rules.bridge);
  batch.add_chain(to);
  batch.add_rule(to, NftRule().established().accept());
  // Seen here only with br_netfilter; without it icc=false is the isolation of bridge ports.
  if (rules.icc) batch.add_rule(to, NftRule().interface_is(Side::In, rules.bridge).accept());
  // Only a map of published ports translates: direct routing to a container ends in the drop
  // below (CVE-2025-54388), and so does a packet from another bridge.
  if (!rules.internal) batch.add_rule(to, NftRule().destination_was_translated().accept());
  batch.add_rule(to, NftRule().drop());
  batch.add_interface_jump(kToBridge, rules.bridge, to);

  const std::string source = source_chain(rules.bridge);
  batch.add_chain(source);
  // A hairpin: the answer must come back through here to be translated back.
  batch.add_rule(
      source,
      NftRule().interface_is(Side::Out, rules.bridge).destination_was_translated().masquerade());
  batch.add_rule(source, NftRule().interface_is(Side::Out, rules.bridge).leave());
  if (rules.masquerade && !rules.internal) batch.add_rule(source, NftRule().masquerade());
  batch.add_subnet_jump(kSources, rules.subnet, source);

  if (rules.internal) {
    const std::string from = from_chain(rules.bridge);
    batch.add_chain(from);
    batch.add_rule(from, NftRule().destination_in(rules.subnet).leave());
    batch.add_rule(from, NftRule().destination_in(kMulticastAndBroadcast).leave());
    batch.add_rule(from, NftRule().drop());
    batch.add_interface_jump(kInternal, rules.bridge, from);
  }
  batch.add_interface(kBridges, rules.bridge);
}

void Firewall::rebuild() {
  if (!options_.enabled) return;
  const std::lock_guard lock(mutex_);
  NftBatch batch(table_);
  batch.add_table();  // Added, so that deleting cannot fail; both are one transaction.
  batch.delete_table();
  batch.add_table();
  add_frame(batch);
  for (const auto& [name, rules] : bridges_) add_bridge_to(batch, rules);
  for (const auto& [key, target] : targets_) {
    batch.add_target(map_of(target), kind_of(target), target);
  }
  batch.commit(socket_);
  built_ = true;
}

void Firewall::add_bridge(const BridgeRules& rules) {
  if (!options_.enabled) return;
  const std::lock_guard lock(mutex_);
  if (built_) {
    NftBatch batch(table_);
    add_bridge_to(batch, rules);
    batch.commit(socket_);
  }
  bridges_.insert_or_assign(rules.bridge, rules);
}

void Firewall::remove_bridge(const std::string& bridge) {
  const std::lock_guard lock(mutex_);
  const auto found = bridges_.find(bridge);
  if (found == bridges_.end()) return;
  NftBatch batch(table_);
  batch.delete_interface(kToBridge, bridge);
  batch.delete_subnet(kSources, found->second.subnet);
  if (found->second.internal) batch.delete_interface(kInternal, bridge);
  batch.delete_interface(kBridges, bridge);
  batch.delete_chain(to_chain(bridge));
  batch.delete_chain(source_chain(bridge));
  if (found->second.internal) batch.delete_chain(from_chain(bridge));
  bridges_.erase(found);
  const auto failures = batch.attempt(socket_);
  // The table was flushed from outside: then there is nothing left to remove.
  if (!failures.empty() && failures.front().error_number != ENOENT) {
    throw os::netlink_error(failures.front());
  }
}

void Firewall::publish(const std::vector<NftTarget>& targets) {
  if (!options_.enabled || targets.empty()) return;
  const std::lock_guard lock(mutex_);
  NftBatch batch(table_);
  for (const NftTarget& target : targets) batch.add_target(map_of(target), kind_of(target), target);
  const auto failures = batch.attempt(socket_);
  if (!failures.empty()) {
    if (failures.front().error_number != EEXIST) throw os::netlink_error(failures.front());
    base::fail(base::Kind::Conflict, "{}: is there already", failures.front().words);
  }
  for (const NftTarget& target : targets) {
    targets_.insert_or_assign({target.address, target.protocol, target.port}, target);
  }
  forget_flows(targets);
}

void Firewall::forget_flows(const std::vector<NftTarget>& targets) {
  const bool udp = std::any_of(targets.begin(), targets.end(), [](const NftTarget& target) {
    return target.protocol == static_cast<std::uint8_t>(Protocol::Udp);
  });
  if (!udp) return;
  try {
    forget_udp_flows(socket_, targets);
  } catch (const base::Error& error) {
    // The port works; a client that was sending before may need its 30 s.
    base::log_warn("flows to published UDP ports are not forgotten: {}", error.what());
  }
}

void Firewall::withdraw(const std::vector<NftTarget>& targets) {
  if (!options_.enabled || targets.empty()) return;
  const std::lock_guard lock(mutex_);
  for (const NftTarget& target : targets) {
    targets_.erase({target.address, target.protocol, target.port});
  }
  NftBatch batch(table_);
  for (const NftTarget& target : targets) {
    batch.delete_target(map_of(target), kind_of(target), target);
  }
  const auto failures = batch.attempt(socket_);
  if (failures.empty()) return forget_flows(targets);
  if (failures.front().error_number != ENOENT) throw os::netlink_error(failures.front());
  // One of them was removed from outside: the others go one by one.
  for (const NftTarget& target : targets) {
    NftBatch one(table_);
    one.delete_target(map_of(target), kind_of(target), target);
    one.attempt(socket_);
  }
  forget_flows(targets);
}

void Firewall::adopt(const std::vector<NftTarget>& targets) {
  if (!options_.enabled) return;
  const std::lock_guard lock(mutex_);
  for (const NftTarget& target : targets) {
    targets_.insert_or_assign({target.address, target.protocol, target.port}, target);
  }
}

}  // namespace wharf::network
