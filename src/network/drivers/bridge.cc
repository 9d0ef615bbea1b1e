#include "network/drivers/bridge.h"

#include <unistd.h>

#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "network/links.h"
#include "os/namespace.h"

namespace wharf::network {
namespace {

using base::fail;
using base::Kind;

constexpr int kNameAttempts = 5;

void set_bridge_sysctls(const std::string& bridge) {
  // Publishing on 127.0.0.1 sends packets of 127/8 to the bridge; the firewall drops those that
  // come from outside (CVE-2020-8558).
  os::write_sysctl("net/ipv4/conf/" + bridge + "/route_localnet", "1");
  try {
    os::write_sysctl("net/ipv6/conf/" + bridge + "/disable_ipv6", "1");
    os::write_sysctl("net/ipv6/conf/" + bridge + "/accept_ra", "0");
    os::write_sysctl("net/ipv6/conf/" + bridge + "/accept_redirects", "0");
  } catch (const base::Error& error) {
    if (error.error_number() != ENOENT) throw;  // A kernel without IPv6.
  }
}

bool has_ipv6() {
  try {
    return os::read_sysctl("net/ipv6/conf/all/disable_ipv6") == "0";
  } catch (const base::Error&) {
    return false;
  }
}

/// With br_netfilter the firewall sees what passes between ports of a bridge, and the isolation
/// of ports would also cut the way to ports published by a neighbour.
bool firewall_sees_bridged() {
  try {
    return os::read_sysctl("net/bridge/bridge-nf-call-iptables") == "1";
  } catch (const base::Error&) {
    return false;
  }
}

Subnet subnet_of(const Network& network) {
  return Subnet::parse(network.ipam.at(0).subnet);
}

}  // namespace

BridgeDriver::BridgeDriver(Firewall& firewall, PortTable& ports, std::string default_host_address)
    : firewall_(firewall),
      ports_(ports),
      default_host_address_(std::move(default_host_address)),
      host_has_ipv6_(has_ipv6()),
      route_(os::NetlinkSocket::open(NETLINK_ROUTE)) {}

void BridgeDriver::check(const NetworkConfig& config) const {
  BridgeOptions::parse(config, base::random_id());
}

int BridgeDriver::ensure_link(const Network& network, const BridgeOptions& options) {
  if (const auto link = find_link(route_, options.bridge)) {
    if (link->kind != "bridge") {
      fail(Kind::Forbidden, "interface {} exists and is no bridge", options.bridge);
    }
    return link->index;
  }
  create_bridge(route_, options.bridge, options.mtu, firewall_.table());
  const auto link = find_link(route_, options.bridge);
  if (!link) fail(Kind::Internal, "bridge {} of network {} vanished", options.bridge, network.name);
  return link->index;
}

void BridgeDriver::ensure_address(int index, Ipv4 gateway, int bits) {
  for (const LinkAddress& address : list_addresses(route_)) {
    if (address.index == index && address.address == gateway && address.bits == bits) return;
  }
  add_address(route_, index, gateway, bits);
}

void BridgeDriver::add(const Network& network) {
  const BridgeOptions options = BridgeOptions::parse(network, network.id);
  const Subnet subnet = subnet_of(network);
  const int index = ensure_link(network, options);
  set_bridge_sysctls(options.bridge);
  // An internal network has the address too: its containers may talk to the host by it.
  ensure_address(index, Ipv4::parse(network.ipam.at(0).gateway), subnet.bits);
  firewall_.add_bridge({options.bridge, subnet, options.icc, options.masquerade, network.internal});
  set_link_up(route_, index);
  const std::lock_guard lock(mutex_);
  bridges_.insert_or_assign(network.id, Bridge{index, options});
}

void BridgeDriver::remove(const Network& network) {
  std::optional<Bridge> bridge;
  {
    const std::lock_guard lock(mutex_);
    const auto found = bridges_.find(network.id);
    if (found == bridges_.end()) return;
    bridge = found->second;
    bridges_.erase(found);
  }
  firewall_.remove_bridge(bridge->options.bridge);
  try {
    delete_link(route_, bridge->index);
  } catch (const base::Error& error) {
    if (error.error_number() != ENODEV) throw;
  }
}

void BridgeDriver::sweep() {
  for (const Link& link : list_links(route_)) {
    if (link.kind != "bridge" || link.alias != firewall_.table()) continue;
    const std::lock_guard lock(mutex_);
    const bool known = std::any_of(bridges_.begin(), bridges_.end(), [&](const auto& each) {
      return each.second.index == link.index;
    });
    if (known) continue;
    base::log_info("removing bridge {}: no network has it", link.name);
    delete_link(route_, link.index);
  }
}

BridgeDriver::Bridge BridgeDriver::bridge_of(const Network& network) const {
  const std::lock_guard lock(mutex_);
  const auto found = bridges_.find(network.id);
  if (found == bridges_.end()) fail(Kind::NotFound, "network {} not found", network.id);
  return found->second;
}

void BridgeDriver::plug(const Network& network, const InterfacePlan& plan,
                        NetworkNamespace& netns) {
  const Bridge bridge = bridge_of(network);
  VethPair pair;
  pair.bridge_index = bridge.index;
  if (bridge.options.mtu > 0) pair.mtu = bridge.options.mtu;
  pair.isolated = !bridge.options.icc && !firewall_sees_bridged();
  pair.peer_name = plan.name;
  pair.peer_index = plan.index;
  pair.peer_mac = plan.mac;
  for (int attempt = 1;; ++attempt) {
    pair.host_name = "veth" + base::hex(base::random_bytes(4)).substr(0, 7);
    try {
      create_veth(route_, pair, netns.fd);
      break;
    } catch (const base::Error& error) {
      if (error.error_number() != EEXIST || attempt == kNameAttempts) throw;
    }
  }
  try {
    set_up_interface(netns.route, {plan.index, plan.address, plan.subnet.bits, plan.gateway});
  } catch (...) {
    // The container may be running (network connect): its namespace stays, the pair must not.
    if (const auto link = find_link(route_, pair.host_name)) delete_link(route_, link->index);
    throw;
  }
}

std::vector<std::string> BridgeDriver::default_addresses(const BridgeOptions& options) const {
  const std::string& address =
      options.host_address.empty() ? default_host_address_ : options.host_address;
  if (!address.empty() && address != "0.0.0.0") return {address};
  std::vector<std::string> all = {"0.0.0.0"};
  if (host_has_ipv6_) all.emplace_back("::");
  return all;
}

void BridgeDriver::publish(const Network& network, Ipv4 address, const PortMap& ports,
                           Publication& publication) {
  publication.change(firewall_, ports_,
                     {address, ports, default_addresses(bridge_of(network).options)});
}

Publication BridgeDriver::restore_publication(Ipv4 address, const base::Json& record) {
  return Publication::restore(firewall_, ports_, address, record);
}

}  // namespace wharf::network
