// The networks that are always there, and the host's side of them: bridge, host, none.
#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/strings.h"
#include "network/drivers/bridge_options.h"
#include "network/links.h"
#include "network/names.h"
#include "network/records.h"
#include "network/state.h"
#include "os/file.h"
#include "os/namespace.h"

namespace wharf::network {
namespace {

using base::fail;
using base::Kind;

constexpr const char* kForward = "net/ipv4/ip_forward";

/// The gateway's address and the size of its subnet.
struct Address {
  Ipv4 gateway;
  Subnet subnet;
};

std::string boot_id() {
  return os::read_sysctl("kernel/random/boot_id");
}

Address parse_bip(const std::string& text) {
  const Subnet with_host = Subnet::parse(text);
  if (with_host.base == with_host.masked().base) {
    fail(Kind::InvalidArgument, "invalid bridge IP {}: it names the network, not an address in it",
         text);
  }
  return {with_host.base, with_host.masked()};
}

/// What a bridge that is there already has.
std::optional<Address> address_of(os::NetlinkSocket& route, const std::string& bridge) {
  const auto link = find_link(route, bridge);
  if (!link) return std::nullopt;
  for (const LinkAddress& each : list_addresses(route)) {
    if (each.index == link->index)
      return Address{each.address, Subnet{each.address, each.bits}.masked()};
  }
  return std::nullopt;
}

/// Routes of the host but those of `bridge`, and its name servers: no pool may cover them.
std::vector<Subnet> used_by_host(os::NetlinkSocket& route, const std::string& bridge,
                                 const std::string& resolv_conf) {
  const auto link = find_link(route, bridge);
  std::vector<Subnet> used = list_routes(route, link ? link->index : 0);
  for (const std::string& server : host_name_servers(resolv_conf)) {
    if (const auto address = Ipv4::try_parse(server)) used.push_back({*address, 32});
  }
  return used;
}

Address from_subnet(const Subnet& subnet) {
  return {Ipv4{subnet.base.value + 1}, subnet};
}

const Network* kept_network(const std::vector<Network>& kept, const std::string& name) {
  for (const Network& network : kept) {
    if (network.predefined && network.name == name) return &network;
  }
  return nullptr;
}

bool overlaps(const std::vector<Subnet>& used, const Subnet& subnet) {
  return std::any_of(used.begin(), used.end(),
                     [&](const Subnet& each) { return each.overlaps(subnet); });
}

}  // namespace

void Networks::State::make_fixed(const std::vector<Network>& kept, const std::string& name,
                                 FixedDriver& driver) {
  auto entry = std::make_shared<Entry>();
  if (const Network* known = kept_network(kept, name)) entry->network = *known;
  Network& network = entry->network;
  if (network.id.empty()) {
    network.id = base::random_id();
    network.name = name;
    network.created = base::now();
    network.predefined = true;
    network.driver = std::string(driver.name());
    save_network(database, network);
  }
  entry->driver = &driver;
  add(entry);
}

void Networks::State::make_default_bridge(const std::vector<Network>& kept) {
  if (settings.bridge == "none") return;
  const std::string bridge =
      settings.bridge.empty() ? settings.default_bridge_name : settings.bridge;
  const Network* known = kept_network(kept, "bridge");
  const std::vector<Subnet> used = used_by_host(bridges.route(), bridge, settings.resolv_conf);
  const auto there = address_of(bridges.route(), bridge);
  if (!settings.bridge.empty() && !there) {
    fail(Kind::InvalidArgument, "bridge {} (--bridge) does not exist or has no IPv4 address",
         bridge);
  }

  Address address;
  if (!settings.bip.empty()) {
    address = parse_bip(settings.bip);
    space.take(address.subnet);
  } else if (there) {
    address = *there;
    space.take(address.subnet);
  } else if (known && !known->ipam.empty() &&
             !overlaps(used, Subnet::parse(known->ipam[0].subnet))) {
    address = {Ipv4::parse(known->ipam[0].gateway), Subnet::parse(known->ipam[0].subnet)};
    space.take(address.subnet);
  } else {
    address = from_subnet(space.take_any(used));
  }

  auto entry = std::make_shared<Entry>();
  Network& network = entry->network;
  if (known) network = *known;
  if (network.id.empty()) network.id = base::random_id();
  if (network.created.is_zero()) network.created = base::now();
  network.name = "bridge";
  network.driver = "bridge";
  network.predefined = true;
  network.ipam = {{address.subnet.text(), settings.fixed_cidr, address.gateway.text(), {}}};
  network.router_address = settings.default_gateway;
  const auto truth = [](bool value) { return std::string(value ? "true" : "false"); };
  network.options = {{kBridgeName, bridge},
                     {kDefaultBridge, "true"},
                     {kEnableIcc, truth(settings.icc)},
                     {kEnableMasquerade, truth(settings.ip_masquerade)},
                     {kHostBinding, settings.default_host_ip},
                     {kMtu, std::to_string(settings.mtu)}};
  if (router_since.empty()) router_since = known ? known->router_since : "";
  network.router_since = router_since;
  const Subnet part =
      settings.fixed_cidr.empty() ? address.subnet : Subnet::parse(settings.fixed_cidr);
  if (!address.subnet.contains(part.masked())) {
    fail(Kind::InvalidArgument, "--fixed-cidr {} is not part of the bridge's subnet {}",
         settings.fixed_cidr, address.subnet.text());
  }
  entry->range = std::make_shared<AddressRange>(address.subnet, part);
  entry->range->reserve(address.gateway);
  if (!settings.default_gateway.empty())
    entry->range->reserve(Ipv4::parse(settings.default_gateway));
  entry->driver = &bridges;
  bridges.add(network);
  save_network(database, network);
  default_gateway = address.gateway.text();
  add(entry);
}

bool Networks::State::turns_host_into_router(const std::vector<Network>& kept) {
  if (!settings.ip_forward) return false;
  if (os::read_sysctl(kForward) == "0") {
    router_since = boot_id();
    return true;
  }
  // On already: by the administrator, or by us earlier in this boot.
  const Network* known = kept_network(kept, "bridge");
  return known && known->router_since == boot_id();
}

void Networks::State::make_ready() {
  std::call_once(ready, [this] {
    firewall.rebuild();
    // Only now, with the drops in place, may packets pass.
    if (settings.ip_forward && os::read_sysctl(kForward) == "0") os::write_sysctl(kForward, "1");
  });
}

}  // namespace wharf::network
