#include <arpa/inet.h>
#include <libnftnl/chain.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>

#include <cstring>
#include <new>

#include "network/nft.h"

namespace wharf::network {
namespace {

// How the `nft` program calls the types when it lists a set; the kernel only keeps them.
constexpr std::uint32_t kTypeIpAddress = 7;
constexpr std::uint32_t kTypeProtocol = 12;
constexpr std::uint32_t kTypeService = 13;
constexpr std::uint32_t kTypeInterfaceName = 41;
constexpr std::uint32_t concatenated(std::uint32_t left, std::uint32_t right) {
  return left << 6 | right;
}
constexpr std::uint32_t kTypeProtocolPort = concatenated(kTypeProtocol, kTypeService);
constexpr std::uint32_t kTypeAddressPort = concatenated(kTypeIpAddress, kTypeService);
constexpr std::uint32_t kTypeAddressProtocolPort =
    concatenated(concatenated(kTypeIpAddress, kTypeProtocol), kTypeService);

struct SetShape {
  std::uint32_t flags;
  std::uint32_t key_type;
  std::uint32_t key_size;
  std::uint32_t data_type;
  std::uint32_t data_size;
};

SetShape shape_of(NftSetKind kind) {
  constexpr std::uint32_t verdict_size = sizeof(std::uint32_t);
  switch (kind) {
    case NftSetKind::Interfaces:
      return {0, kTypeInterfaceName, IFNAMSIZ, 0, 0};
    case NftSetKind::InterfaceVerdicts:
      return {NFT_SET_MAP, kTypeInterfaceName, IFNAMSIZ, NFT_DATA_VERDICT, verdict_size};
    case NftSetKind::SubnetVerdicts:
      return {NFT_SET_MAP | NFT_SET_INTERVAL, kTypeIpAddress, 4, NFT_DATA_VERDICT, verdict_size};
    case NftSetKind::PortTargets:
      return {NFT_SET_MAP, kTypeProtocolPort, 8, kTypeAddressPort, 8};
    case NftSetKind::AddressPortTargets:
      return {NFT_SET_MAP, kTypeAddressProtocolPort, 12, kTypeAddressPort, 8};
  }
  return {};
}

/// The parts of a concatenation, each padded to four bytes.
class Concatenation {
 public:
  template <class T>
  Concatenation& add(T part) {
    std::memcpy(bytes_ + size_, &part, sizeof part);
    size_ += 4;
    return *this;
  }
  const void* data() const { return bytes_; }
  std::uint32_t size() const { return size_; }

 private:
  char bytes_[16] = {};
  std::uint32_t size_ = 0;
};

std::string interface_key(const std::string& name) {
  std::string key(IFNAMSIZ, '\0');
  name.copy(key.data(), IFNAMSIZ - 1);
  return key;
}

nftnl_set_elem* new_element(nftnl_set* set) {
  nftnl_set_elem* element = nftnl_set_elem_alloc();
  if (!element) throw std::bad_alloc();
  nftnl_set_elem_add(set, element);
  return element;
}

std::string key_bytes(std::uint32_t network_order) {
  return std::string(reinterpret_cast<const char*>(&network_order), sizeof network_order);
}

void set_jump(nftnl_set_elem* element, const std::string& chain) {
  nftnl_set_elem_set_u32(element, NFTNL_SET_ELEM_VERDICT, static_cast<std::uint32_t>(NFT_JUMP));
  nftnl_set_elem_set(element, NFTNL_SET_ELEM_CHAIN, chain.c_str(),
                     static_cast<std::uint32_t>(chain.size() + 1));
}

template <class T, void (*Free)(const T*)>
struct Freed {
  void operator()(T* object) const { Free(object); }
};

}  // namespace

void NftBatch::FreeSet::operator()(nftnl_set* set) const {
  nftnl_set_free(set);
}

NftBatch::NftBatch(std::string table) : table_(std::move(table)) {
  control(NFNL_MSG_BATCH_BEGIN);
}

void NftBatch::control(std::uint16_t type) {
  nlmsghdr* header = batch_.add(type, 0, "nftables transaction");
  auto* extra = static_cast<nfgenmsg*>(static_cast<void*>(header + 1));
  *extra = {AF_UNSPEC, NFNETLINK_V0, htons(NFNL_SUBSYS_NFTABLES)};
  header->nlmsg_len += static_cast<std::uint32_t>(sizeof *extra);
}

nlmsghdr* NftBatch::message(std::uint16_t type, std::uint16_t flags, std::string words) {
  nlmsghdr* header = batch_.add(static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type), flags,
                                std::move(words));
  auto* extra = static_cast<nfgenmsg*>(static_cast<void*>(header + 1));
  *extra = {NFPROTO_INET, NFNETLINK_V0, 0};
  header->nlmsg_len += static_cast<std::uint32_t>(sizeof *extra);
  return header;
}

void NftBatch::add_table() {
  const std::unique_ptr<nftnl_table, Freed<nftnl_table, nftnl_table_free>> table(
      nftnl_table_alloc());
  nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, table_.c_str());
  nftnl_table_nlmsg_build_payload(
      message(NFT_MSG_NEWTABLE, NLM_F_CREATE, "create nftables table " + table_), table.get());
}

void NftBatch::delete_table() {
  const std::unique_ptr<nftnl_table, Freed<nftnl_table, nftnl_table_free>> table(
      nftnl_table_alloc());
  nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, table_.c_str());
  nftnl_table_nlmsg_build_payload(message(NFT_MSG_DELTABLE, 0, "delete nftables table " + table_),
                                  table.get());
}

void NftBatch::add_chain(const std::string& name) {
  const std::unique_ptr<nftnl_chain, Freed<nftnl_chain, nftnl_chain_free>> chain(
      nftnl_chain_alloc());
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, table_.c_str());
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, name.c_str());
  nftnl_chain_nlmsg_build_payload(
      message(NFT_MSG_NEWCHAIN, NLM_F_CREATE, "create nftables chain " + name), chain.get());
}

void NftBatch::add_base_chain(const NftBaseChain& base) {
  const std::unique_ptr<nftnl_chain, Freed<nftnl_chain, nftnl_chain_free>> chain(
      nftnl_chain_alloc());
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, table_.c_str());
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, base.name.c_str());
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TYPE, base.type.c_str());
  nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_HOOKNUM, base.hook);
  nftnl_chain_set_s32(chain.get(), NFTNL_CHAIN_PRIO, base.priority);
  nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_POLICY, NF_ACCEPT);
  nftnl_chain_nlmsg_build_payload(
      message(NFT_MSG_NEWCHAIN, NLM_F_CREATE, "create nftables chain " + base.name), chain.get());
}

void NftBatch::delete_chain(const std::string& name) {
  const std::unique_ptr<nftnl_chain, Freed<nftnl_chain, nftnl_chain_free>> chain(
      nftnl_chain_alloc());
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, table_.c_str());
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, name.c_str());
  nftnl_chain_nlmsg_build_payload(message(NFT_MSG_DELCHAIN, 0, "delete nftables chain " + name),
                                  chain.get());
}

void NftBatch::add_rule(const std::string& chain, const NftRule& rule) {
  nftnl_rule_set_str(rule.rule_.get(), NFTNL_RULE_TABLE, table_.c_str());
  nftnl_rule_set_str(rule.rule_.get(), NFTNL_RULE_CHAIN, chain.c_str());
  nftnl_rule_nlmsg_build_payload(message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND,
                                         "add a rule to nftables chain " + chain),
                                 rule.rule_.get());
}

NftBatch::Set NftBatch::named_set(const std::string& name) const {
  Set set(nftnl_set_alloc());
  if (!set) throw std::bad_alloc();
  nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, table_.c_str());
  nftnl_set_set_str(set.get(), NFTNL_SET_NAME, name.c_str());
  return set;
}

void NftBatch::add_set(const std::string& name, NftSetKind kind) {
  const SetShape shape = shape_of(kind);
  const Set set = named_set(name);
  nftnl_set_set_u32(set.get(), NFTNL_SET_ID, ++set_id_);
  nftnl_set_set_u32(set.get(), NFTNL_SET_FLAGS, shape.flags);
  nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_TYPE, shape.key_type);
  nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_LEN, shape.key_size);
  if (shape.flags & NFT_SET_MAP) {
    nftnl_set_set_u32(set.get(), NFTNL_SET_DATA_TYPE, shape.data_type);
    nftnl_set_set_u32(set.get(), NFTNL_SET_DATA_LEN, shape.data_size);
  }
  nftnl_set_nlmsg_build_payload(
      message(NFT_MSG_NEWSET, NLM_F_CREATE, "create nftables set " + name), set.get());
}

void NftBatch::elements(std::uint16_t type, const Set& set, std::string words) {
  nlmsghdr* header =
      message(type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE | NLM_F_EXCL : 0, std::move(words));
  nftnl_set_elems_nlmsg_build_payload(header, set.get());
}

void NftBatch::add_interface(const std::string& set, const std::string& interface) {
  const Set with = named_set(set);
  const std::string key = interface_key(interface);
  nftnl_set_elem_set(new_element(with.get()), NFTNL_SET_ELEM_KEY, key.data(), IFNAMSIZ);
  elements(NFT_MSG_NEWSETELEM, with, fmt::format("add {} to nftables set {}", interface, set));
}

void NftBatch::delete_interface(const std::string& set, const std::string& interface) {
  const Set with = named_set(set);
  const std::string key = interface_key(interface);
  nftnl_set_elem_set(new_element(with.get()), NFTNL_SET_ELEM_KEY, key.data(), IFNAMSIZ);
  elements(NFT_MSG_DELSETELEM, with, fmt::format("delete {} from nftables set {}", interface, set));
}

void NftBatch::add_interface_jump(const std::string& map, const std::string& interface,
                                  const std::string& chain) {
  const Set with = named_set(map);
  const std::string key = interface_key(interface);
  nftnl_set_elem* element = new_element(with.get());
  nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, key.data(), IFNAMSIZ);
  set_jump(element, chain);
  elements(NFT_MSG_NEWSETELEM, with, fmt::format("add {} to nftables map {}", interface, map));
}

/// An interval is two elements: its first address, and the first one behind it, so marked.
NftBatch::Set NftBatch::subnet_elements(const std::string& map, const Subnet& subnet,
                                        const std::string& chain) {
  Set set = named_set(map);
  const std::string first = key_bytes(subnet.masked().base.network_order());
  nftnl_set_elem* begin = new_element(set.get());
  nftnl_set_elem_set(begin, NFTNL_SET_ELEM_KEY, first.data(), 4);
  if (!chain.empty()) set_jump(begin, chain);

  const std::uint32_t behind = subnet.last().value + 1;
  if (behind == 0) return set;  // Up to 255.255.255.255: an open end.
  const std::string past = key_bytes(htonl(behind));
  nftnl_set_elem* end = new_element(set.get());
  nftnl_set_elem_set(end, NFTNL_SET_ELEM_KEY, past.data(), 4);
  nftnl_set_elem_set_u32(end, NFTNL_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
  return set;
}

void NftBatch::add_subnet_jump(const std::string& map, const Subnet& subnet,
                               const std::string& chain) {
  elements(NFT_MSG_NEWSETELEM, subnet_elements(map, subnet, chain),
           fmt::format("add {} to nftables map {}", subnet.text(), map));
}

void NftBatch::delete_subnet(const std::string& map, const Subnet& subnet) {
  elements(NFT_MSG_DELSETELEM, subnet_elements(map, subnet, {}),
           fmt::format("delete {} from nftables map {}", subnet.text(), map));
}

NftBatch::Set NftBatch::target_elements(const std::string& map, NftSetKind kind,
                                        const NftTarget& target, bool data) {
  Set set = named_set(map);
  Concatenation key;
  if (kind == NftSetKind::AddressPortTargets) key.add(target.address.network_order());
  key.add(target.protocol).add(htons(target.port));
  nftnl_set_elem* element = new_element(set.get());
  nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, key.data(), key.size());
  if (data) {
    Concatenation to;
    to.add(target.to_address.network_order()).add(htons(target.to_port));
    nftnl_set_elem_set(element, NFTNL_SET_ELEM_DATA, to.data(), to.size());
  }
  return set;
}

void NftBatch::add_target(const std::string& map, NftSetKind kind, const NftTarget& target) {
  elements(NFT_MSG_NEWSETELEM, target_elements(map, kind, target, true),
           fmt::format("publish port {} in nftables map {}", target.port, map));
}

void NftBatch::delete_target(const std::string& map, NftSetKind kind, const NftTarget& target) {
  elements(NFT_MSG_DELSETELEM, target_elements(map, kind, target, false),
           fmt::format("unpublish port {} in nftables map {}", target.port, map));
}

std::vector<os::NetlinkFailure> NftBatch::attempt(os::NetlinkSocket& socket) {
  control(NFNL_MSG_BATCH_END);
  return socket.attempt(batch_);
}

void NftBatch::commit(os::NetlinkSocket& socket) {
  const std::vector<os::NetlinkFailure> failures = attempt(socket);
  if (!failures.empty()) throw os::netlink_error(failures.front());
}

}  // namespace wharf::network
