#include "network/links.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cstring>

namespace wharf::network {
namespace {

using os::NetlinkBatch;
using os::NetlinkSocket;

template <class T>
T* extra(nlmsghdr* message) {
  return static_cast<T*>(mnl_nlmsg_put_extra_header(message, sizeof(T)));
}

/// Calls `each(attribute)` for the attributes behind `header_size` bytes of header.
template <class Each>
void for_attributes(const nlmsghdr& message, std::size_t header_size, Each&& each) {
  const char* end = reinterpret_cast<const char*>(&message) + message.nlmsg_len;
  auto* at = static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(&message, header_size));
  while (mnl_attr_ok(at, static_cast<int>(end - reinterpret_cast<const char*>(at)))) {
    each(*at);
    at = mnl_attr_next(at);
  }
}

std::string kind_of(const nlattr& link_info) {
  const char* end = reinterpret_cast<const char*>(&link_info) + link_info.nla_len;
  auto* at = static_cast<const nlattr*>(mnl_attr_get_payload(&link_info));
  while (mnl_attr_ok(at, static_cast<int>(end - reinterpret_cast<const char*>(at)))) {
    if (mnl_attr_get_type(at) == IFLA_INFO_KIND) return mnl_attr_get_str(at);
    at = mnl_attr_next(at);
  }
  return {};
}

Link read_link(const nlmsghdr& message) {
  const auto* header = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&message));
  Link link;
  link.index = header->ifi_index;
  for_attributes(message, sizeof *header, [&](const nlattr& attribute) {
    switch (mnl_attr_get_type(&attribute)) {
      case IFLA_IFNAME:
        link.name = mnl_attr_get_str(&attribute);
        break;
      case IFLA_IFALIAS:
        link.alias = mnl_attr_get_str(&attribute);
        break;
      case IFLA_LINKINFO:
        link.kind = kind_of(attribute);
        break;
      default:
        break;
    }
  });
  return link;
}

void put_default_route(nlmsghdr* message, int index, Ipv4 gateway) {
  auto* route = extra<rtmsg>(message);
  *route = {};
  route->rtm_family = AF_INET;
  route->rtm_table = RT_TABLE_MAIN;
  route->rtm_protocol = RTPROT_BOOT;
  route->rtm_scope = RT_SCOPE_UNIVERSE;
  route->rtm_type = RTN_UNICAST;
  mnl_attr_put_u32(message, RTA_GATEWAY, gateway.network_order());
  mnl_attr_put_u32(message, RTA_OIF, static_cast<std::uint32_t>(index));
}

void put_address(NetlinkBatch& batch, std::uint16_t type, std::uint16_t flags,
                 const LinkAddress& at) {
  nlmsghdr* message = batch.add(type, flags, "set address " + at.address.text());
  auto* header = extra<ifaddrmsg>(message);
  *header = {};
  header->ifa_family = AF_INET;
  header->ifa_prefixlen = static_cast<std::uint8_t>(at.bits);
  header->ifa_scope = RT_SCOPE_UNIVERSE;
  header->ifa_index = static_cast<std::uint32_t>(at.index);
  mnl_attr_put_u32(message, IFA_LOCAL, at.address.network_order());
  mnl_attr_put_u32(message, IFA_ADDRESS, at.address.network_order());
  if (at.bits < 31 && type == RTM_NEWADDR) {
    mnl_attr_put_u32(message, IFA_BROADCAST, Subnet{at.address, at.bits}.last().network_order());
  }
}

void put_link_up(NetlinkBatch& batch, int index) {
  auto* link = extra<ifinfomsg>(batch.add(RTM_NEWLINK, 0, fmt::format("set link {} up", index)));
  *link = {};
  link->ifi_family = AF_UNSPEC;
  link->ifi_index = index;
  link->ifi_flags = IFF_UP;
  link->ifi_change = IFF_UP;
}

/// Hairpin mode: with br_netfilter a container that reaches its own published port is bridged
/// back out of the port it came in by.
void put_port_mode(NetlinkBatch& batch, const VethPair& pair) {
  nlmsghdr* message = batch.add(RTM_NEWLINK, 0, "set bridge port modes of " + pair.host_name);
  *extra<ifinfomsg>(message) = {};
  mnl_attr_put_strz(message, IFLA_IFNAME, pair.host_name.c_str());
  nlattr* info = mnl_attr_nest_start(message, IFLA_LINKINFO);
  mnl_attr_put_strz(message, IFLA_INFO_SLAVE_KIND, "bridge");
  nlattr* data = mnl_attr_nest_start(message, IFLA_INFO_SLAVE_DATA);
  mnl_attr_put_u8(message, IFLA_BRPORT_MODE, 1);
  if (pair.isolated) mnl_attr_put_u8(message, IFLA_BRPORT_ISOLATED, 1);
  mnl_attr_nest_end(message, data);
  mnl_attr_nest_end(message, info);
}

/// The bridge may still know this MAC at the port of a container that has just gone. A static
/// entry: a dynamic one is EPERM until the port forwards.
void move_to_port(NetlinkSocket& socket, const VethPair& pair) {
  const std::optional<Link> port = find_link(socket, pair.host_name);
  if (!port) return;
  NetlinkBatch batch;
  nlmsghdr* message = batch.add(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, "move a MAC to a port");
  auto* neighbour = extra<ndmsg>(message);
  *neighbour = {};
  neighbour->ndm_family = AF_BRIDGE;
  neighbour->ndm_ifindex = port->index;
  neighbour->ndm_state = NUD_NOARP;
  neighbour->ndm_flags = NTF_MASTER;
  mnl_attr_put(message, NDA_LLADDR, pair.peer_mac.bytes.size(), pair.peer_mac.bytes.data());
  socket.transact(batch);
}

}  // namespace

std::vector<Link> list_links(NetlinkSocket& socket) {
  NetlinkBatch batch;
  *extra<ifinfomsg>(batch.add(RTM_GETLINK, NLM_F_DUMP, "list links")) = {};
  std::vector<Link> links;
  socket.dump(batch, [&](const nlmsghdr& message) {
    if (message.nlmsg_type == RTM_NEWLINK) links.push_back(read_link(message));
  });
  return links;
}

std::optional<Link> find_link(NetlinkSocket& socket, const std::string& name) {
  for (Link& link : list_links(socket)) {
    if (link.name == name) return std::move(link);
  }
  return std::nullopt;
}

std::vector<LinkAddress> list_addresses(NetlinkSocket& socket) {
  NetlinkBatch batch;
  auto* header = extra<ifaddrmsg>(batch.add(RTM_GETADDR, NLM_F_DUMP, "list addresses"));
  *header = {};
  header->ifa_family = AF_INET;
  std::vector<LinkAddress> addresses;
  socket.dump(batch, [&](const nlmsghdr& message) {
    const auto* found = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(&message));
    if (message.nlmsg_type != RTM_NEWADDR || found->ifa_family != AF_INET) return;
    LinkAddress address{static_cast<int>(found->ifa_index), {}, found->ifa_prefixlen};
    for_attributes(message, sizeof *found, [&](const nlattr& attribute) {
      if (mnl_attr_get_type(&attribute) != IFA_LOCAL) return;
      address.address.value = ntohl(mnl_attr_get_u32(&attribute));
    });
    addresses.push_back(address);
  });
  return addresses;
}

std::vector<Subnet> list_routes(NetlinkSocket& socket, int except) {
  NetlinkBatch batch;
  auto* header = extra<rtmsg>(batch.add(RTM_GETROUTE, NLM_F_DUMP, "list routes"));
  *header = {};
  header->rtm_family = AF_INET;
  std::vector<Subnet> routes;
  socket.dump(batch, [&](const nlmsghdr& message) {
    const auto* route = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(&message));
    if (message.nlmsg_type != RTM_NEWROUTE || route->rtm_table != RT_TABLE_MAIN) return;
    if (route->rtm_family != AF_INET || route->rtm_dst_len == 0) return;
    Subnet subnet{{}, route->rtm_dst_len};
    int index = 0;
    for_attributes(message, sizeof *route, [&](const nlattr& attribute) {
      const std::uint16_t type = mnl_attr_get_type(&attribute);
      if (type == RTA_DST) subnet.base.value = ntohl(mnl_attr_get_u32(&attribute));
      if (type == RTA_OIF) index = static_cast<int>(mnl_attr_get_u32(&attribute));
    });
    if (index != except) routes.push_back(subnet);
  });
  return routes;
}

void create_bridge(NetlinkSocket& socket, const std::string& name, int mtu,
                   const std::string& alias) {
  NetlinkBatch batch;
  nlmsghdr* message = batch.add(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "create bridge " + name);
  *extra<ifinfomsg>(message) = {};
  mnl_attr_put_strz(message, IFLA_IFNAME, name.c_str());
  if (mtu > 0) mnl_attr_put_u32(message, IFLA_MTU, static_cast<std::uint32_t>(mtu));
  // An address of its own: without one the bridge takes its lowest port's, and changes it.
  const MacAddress mac = MacAddress::random();
  mnl_attr_put(message, IFLA_ADDRESS, mac.bytes.size(), mac.bytes.data());
  nlattr* info = mnl_attr_nest_start(message, IFLA_LINKINFO);
  mnl_attr_put_strz(message, IFLA_INFO_KIND, "bridge");
  mnl_attr_nest_end(message, info);
  // Not taken at creation. One sendmsg(2) does both, so no kill comes between.
  message = batch.add(RTM_NEWLINK, 0, "set the alias of bridge " + name);
  *extra<ifinfomsg>(message) = {};
  mnl_attr_put_strz(message, IFLA_IFNAME, name.c_str());
  mnl_attr_put_strz(message, IFLA_IFALIAS, alias.c_str());
  socket.transact(batch);
}

void delete_link(NetlinkSocket& socket, int index) {
  NetlinkBatch batch;
  auto* link = extra<ifinfomsg>(batch.add(RTM_DELLINK, 0, fmt::format("delete link {}", index)));
  *link = {};
  link->ifi_index = index;
  socket.transact(batch);
}

void set_link_up(NetlinkSocket& socket, int index) {
  NetlinkBatch batch;
  put_link_up(batch, index);
  socket.transact(batch);
}

void add_address(NetlinkSocket& socket, int index, Ipv4 address, int bits) {
  NetlinkBatch batch;
  put_address(batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, {index, address, bits});
  socket.transact(batch);
}

void delete_address(NetlinkSocket& socket, const LinkAddress& address) {
  NetlinkBatch batch;
  put_address(batch, RTM_DELADDR, 0, address);
  socket.transact(batch);
}

void create_veth(NetlinkSocket& socket, const VethPair& pair, const os::Fd& netns) {
  NetlinkBatch batch;
  nlmsghdr* message =
      batch.add(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "create link " + pair.host_name);
  auto* host = extra<ifinfomsg>(message);
  *host = {};
  host->ifi_flags = IFF_UP;
  host->ifi_change = IFF_UP;
  mnl_attr_put_strz(message, IFLA_IFNAME, pair.host_name.c_str());
  mnl_attr_put_u32(message, IFLA_MTU, static_cast<std::uint32_t>(pair.mtu));
  if (pair.bridge_index != 0) {
    mnl_attr_put_u32(message, IFLA_MASTER, static_cast<std::uint32_t>(pair.bridge_index));
  }
  nlattr* info = mnl_attr_nest_start(message, IFLA_LINKINFO);
  mnl_attr_put_strz(message, IFLA_INFO_KIND, "veth");
  nlattr* data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
  nlattr* peer = mnl_attr_nest_start(message, VETH_INFO_PEER);
  // Not IFF_UP here: the peer is not yet paired when its flags are set, which is ENOTCONN.
  auto* inner = extra<ifinfomsg>(message);
  *inner = {};
  inner->ifi_index = pair.peer_index;
  mnl_attr_put_strz(message, IFLA_IFNAME, pair.peer_name.c_str());
  mnl_attr_put_u32(message, IFLA_MTU, static_cast<std::uint32_t>(pair.mtu));
  mnl_attr_put(message, IFLA_ADDRESS, pair.peer_mac.bytes.size(), pair.peer_mac.bytes.data());
  mnl_attr_put_u32(message, IFLA_NET_NS_FD, static_cast<std::uint32_t>(netns.get()));
  mnl_attr_nest_end(message, peer);
  mnl_attr_nest_end(message, data);
  mnl_attr_nest_end(message, info);
  if (pair.bridge_index != 0) put_port_mode(batch, pair);
  socket.transact(batch);
  if (pair.bridge_index != 0) move_to_port(socket, pair);
}

void set_up_interface(NetlinkSocket& socket, const InterfaceSetup& setup) {
  NetlinkBatch batch;
  put_address(batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL,
              {setup.index, setup.address, setup.bits});
  put_link_up(batch, setup.index);
  if (setup.gateway) {
    put_default_route(batch.add(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, "set the default route"),
                      setup.index, *setup.gateway);
  }
  socket.transact(batch);
}

void replace_default_route(NetlinkSocket& socket, int index, Ipv4 gateway) {
  NetlinkBatch batch;
  put_default_route(batch.add(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, "set the default route"),
                    index, gateway);
  socket.transact(batch);
}

void delete_default_routes(NetlinkSocket& socket) {
  NetlinkBatch batch;
  auto* route = extra<rtmsg>(batch.add(RTM_DELROUTE, 0, "delete the default route"));
  *route = {};
  route->rtm_family = AF_INET;
  route->rtm_table = RT_TABLE_MAIN;
  route->rtm_scope = RT_SCOPE_NOWHERE;
  for (const os::NetlinkFailure& failure : socket.attempt(batch)) {
    if (failure.error_number != ESRCH) throw os::netlink_error(failure);
  }
}

}  // namespace wharf::network
