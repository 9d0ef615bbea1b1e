// Links, addresses and routes by rtnetlink.
//
// Every function is one batch on the socket given, and acts in that socket's network
// namespace. Thread-safe as the socket is. Throws base::Error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "network/address.h"
#include "os/fd.h"
#include "os/netlink.h"

namespace wharf::network {

struct Link {
  int index = 0;
  std::string name;
  std::string kind;  ///< "bridge", "veth" ... Empty for hardware.
  std::string alias;
};

struct LinkAddress {
  int index = 0;
  Ipv4 address;
  int bits = 0;
};

std::vector<Link> list_links(os::NetlinkSocket& socket);
std::optional<Link> find_link(os::NetlinkSocket& socket, const std::string& name);
std::vector<LinkAddress> list_addresses(os::NetlinkSocket& socket);

/// Destinations of the main table, without the default route and those of `except` (an index).
std::vector<Subnet> list_routes(os::NetlinkSocket& socket, int except);

/// `alias` tells later whose it is.
void create_bridge(os::NetlinkSocket& socket, const std::string& name, int mtu,
                   const std::string& alias);
void delete_link(os::NetlinkSocket& socket, int index);
void set_link_up(os::NetlinkSocket& socket, int index);
void add_address(os::NetlinkSocket& socket, int index, Ipv4 address, int bits);
void delete_address(os::NetlinkSocket& socket, const LinkAddress& address);

/// A pair of Ethernet devices: one end a port of a bridge here, the other in a container.
struct VethPair {
  std::string host_name;
  int bridge_index = 0;  ///< 0: a port of none.
  int mtu = 1500;
  bool isolated = false;  ///< Reaches no other isolated port of its bridge (icc=false).
  std::string peer_name;
  int peer_index = 2;
  MacAddress peer_mac{};
};

/// Creates it, the host's end up, a port of the bridge with hairpin mode, the other in `netns`.
void create_veth(os::NetlinkSocket& socket, const VethPair& pair, const os::Fd& netns);

/// The container's end: address, up, and the default route where there is a gateway.
struct InterfaceSetup {
  int index = 0;
  Ipv4 address;
  int bits = 0;
  std::optional<Ipv4> gateway;
};
void set_up_interface(os::NetlinkSocket& socket, const InterfaceSetup& setup);

void replace_default_route(os::NetlinkSocket& socket, int index, Ipv4 gateway);
void delete_default_routes(os::NetlinkSocket& socket);

}  // namespace wharf::network
