#include "network/conntrack.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include <cerrno>
#include <optional>

namespace wharf::network {
namespace {

constexpr std::uint16_t type_of(std::uint16_t message) {
  return static_cast<std::uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | message);
}

/// The attribute `type` of those in [begin, end), or nullptr.
const nlattr* find(const char* begin, const char* end, std::uint16_t type) {
  auto* at = reinterpret_cast<const nlattr*>(begin);
  while (mnl_attr_ok(at, static_cast<int>(end - reinterpret_cast<const char*>(at)))) {
    if (mnl_attr_get_type(at) == type) return at;
    at = mnl_attr_next(at);
  }
  return nullptr;
}

const nlattr* find_in(const nlattr* nest, std::uint16_t type) {
  if (!nest) return nullptr;
  const char* begin = static_cast<const char*>(mnl_attr_get_payload(nest));
  return find(begin, begin + mnl_attr_get_payload_len(nest), type);
}

/// One way of a flow, as the kernel wants it back to delete the entry.
struct Flow {
  std::uint32_t source = 0;
  std::uint32_t destination = 0;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
};

std::optional<Flow> read_udp(const nlmsghdr& message) {
  const char* begin =
      static_cast<const char*>(mnl_nlmsg_get_payload_offset(&message, sizeof(nfgenmsg)));
  const char* end = reinterpret_cast<const char*>(&message) + message.nlmsg_len;
  const nlattr* original = find(begin, end, CTA_TUPLE_ORIG);
  const nlattr* addresses = find_in(original, CTA_TUPLE_IP);
  const nlattr* protocol = find_in(original, CTA_TUPLE_PROTO);
  const nlattr* number = find_in(protocol, CTA_PROTO_NUM);
  if (!number || mnl_attr_get_u8(number) != IPPROTO_UDP) return std::nullopt;
  const nlattr* source = find_in(addresses, CTA_IP_V4_SRC);
  const nlattr* destination = find_in(addresses, CTA_IP_V4_DST);
  const nlattr* source_port = find_in(protocol, CTA_PROTO_SRC_PORT);
  const nlattr* destination_port = find_in(protocol, CTA_PROTO_DST_PORT);
  if (!source || !destination || !source_port || !destination_port) return std::nullopt;
  return Flow{mnl_attr_get_u32(source), mnl_attr_get_u32(destination),
              mnl_attr_get_u16(source_port), mnl_attr_get_u16(destination_port)};
}

nlmsghdr* begin(os::NetlinkBatch& batch, std::uint16_t type, std::uint16_t flags,
                const char* words) {
  nlmsghdr* message = batch.add(type_of(type), flags, words);
  auto* header = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(nfgenmsg)));
  *header = {AF_INET, NFNETLINK_V0, 0};
  return message;
}

void put_delete(os::NetlinkBatch& batch, const Flow& flow) {
  nlmsghdr* message = begin(batch, IPCTNL_MSG_CT_DELETE, 0, "forget a UDP flow");
  nlattr* tuple = mnl_attr_nest_start(message, CTA_TUPLE_ORIG);
  nlattr* addresses = mnl_attr_nest_start(message, CTA_TUPLE_IP);
  mnl_attr_put_u32(message, CTA_IP_V4_SRC, flow.source);
  mnl_attr_put_u32(message, CTA_IP_V4_DST, flow.destination);
  mnl_attr_nest_end(message, addresses);
  nlattr* protocol = mnl_attr_nest_start(message, CTA_TUPLE_PROTO);
  mnl_attr_put_u8(message, CTA_PROTO_NUM, IPPROTO_UDP);
  mnl_attr_put_u16(message, CTA_PROTO_SRC_PORT, flow.source_port);
  mnl_attr_put_u16(message, CTA_PROTO_DST_PORT, flow.destination_port);
  mnl_attr_nest_end(message, protocol);
  mnl_attr_nest_end(message, tuple);
}

bool concerns(const Flow& flow, const std::vector<NftTarget>& targets) {
  return std::any_of(targets.begin(), targets.end(), [&](const NftTarget& target) {
    return target.protocol == IPPROTO_UDP && target.port == ntohs(flow.destination_port) &&
           (target.address.value == 0 || target.address.network_order() == flow.destination);
  });
}

}  // namespace

void forget_udp_flows(os::NetlinkSocket& netfilter, const std::vector<NftTarget>& targets) {
  os::NetlinkBatch request;
  begin(request, IPCTNL_MSG_CT_GET, NLM_F_DUMP, "list tracked connections");
  os::NetlinkBatch deletions;
  netfilter.dump(request, [&](const nlmsghdr& message) {
    const auto flow = read_udp(message);
    if (flow && concerns(*flow, targets)) put_delete(deletions, *flow);
  });
  for (const os::NetlinkFailure& failure : netfilter.attempt(deletions)) {
    // It timed out meanwhile: gone is gone.
    if (failure.error_number != ENOENT) throw os::netlink_error(failure);
  }
}

}  // namespace wharf::network
