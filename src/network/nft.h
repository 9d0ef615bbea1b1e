// nftables by libnftnl: rules as readable steps, and batches that the kernel takes or refuses
// as a whole.
//
// NftBatch writes into one family (inet) and one table; commit() sends it in one transaction.
// Names, not handles, tell things apart. Not thread-safe; the socket is.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "network/address.h"
#include "os/netlink.h"

struct nftnl_rule;
struct nftnl_set;

namespace wharf::network {

enum class Side { In, Out };

/// One rule, read from left to right: every step must match for the next to be tried.
class NftRule {
 public:
  NftRule();

  NftRule& ipv4();
  NftRule& interface_is(Side side, const std::string& name);
  NftRule& interface_is_not(Side side, const std::string& name);
  NftRule& interface_in_set(Side side, const std::string& set);
  NftRule& interface_kind_is(Side side, const std::string& kind);
  NftRule& source_in(const Subnet& subnet);
  NftRule& destination_in(const Subnet& subnet);
  NftRule& destination_is_local();        ///< fib daddr type local
  NftRule& established();                 ///< ct state established,related
  NftRule& destination_was_translated();  ///< ct status dnat

  NftRule& accept();
  NftRule& drop();
  NftRule& leave();  ///< return
  NftRule& jump(const std::string& chain);
  NftRule& jump_by_interface(Side side, const std::string& map);
  NftRule& jump_by_source(const std::string& map);
  /// dnat ip to [ip daddr .] meta l4proto . th dport map @map
  NftRule& translate_by_address_and_port(const std::string& map);
  NftRule& translate_by_port(const std::string& map);
  NftRule& masquerade();

 private:
  friend class NftBatch;
  struct Free {
    void operator()(nftnl_rule* rule) const;
  };
  NftRule& interface_compared(Side side, const std::string& name, bool equal);
  NftRule& address_in(std::uint32_t offset, const Subnet& subnet);
  NftRule& verdict(int code, const std::string& chain = {});
  NftRule& lookup(const std::string& set, std::uint32_t key_register);
  NftRule& translate(const std::string& map, std::uint32_t protocol_register);

  std::unique_ptr<nftnl_rule, Free> rule_;
};

/// Kinds of sets and maps that our table is made of.
enum class NftSetKind {
  Interfaces,          ///< set: ifname
  InterfaceVerdicts,   ///< map: ifname -> verdict
  SubnetVerdicts,      ///< map: ipv4_addr interval -> verdict
  PortTargets,         ///< map: inet_proto . inet_service -> ipv4_addr . inet_service
  AddressPortTargets,  ///< map: ipv4_addr . inet_proto . inet_service -> the same
};

/// A published port: what arrives where, and who gets it. `address` is 0.0.0.0 for any.
struct NftTarget {
  Ipv4 address;
  std::uint8_t protocol = 0;
  std::uint16_t port = 0;
  Ipv4 to_address;
  std::uint16_t to_port = 0;

  bool operator==(const NftTarget&) const = default;
};

struct NftBaseChain {
  std::string name;
  std::string type;  ///< "filter" or "nat"
  std::uint32_t hook = 0;
  std::int32_t priority = 0;
};

class NftBatch {
 public:
  explicit NftBatch(std::string table);

  void add_table();
  void delete_table();
  void add_chain(const std::string& name);
  void add_base_chain(const NftBaseChain& chain);
  void delete_chain(const std::string& name);
  void add_rule(const std::string& chain, const NftRule& rule);
  void add_set(const std::string& name, NftSetKind kind);
  void add_interface(const std::string& set, const std::string& interface);
  void add_interface_jump(const std::string& map, const std::string& interface,
                          const std::string& chain);
  void add_subnet_jump(const std::string& map, const Subnet& subnet, const std::string& chain);
  void add_target(const std::string& map, NftSetKind kind, const NftTarget& target);
  void delete_interface(const std::string& set, const std::string& interface);
  void delete_subnet(const std::string& map, const Subnet& subnet);
  void delete_target(const std::string& map, NftSetKind kind, const NftTarget& target);

  /// What failed; empty when the kernel took all of it. Nothing was changed otherwise.
  std::vector<os::NetlinkFailure> attempt(os::NetlinkSocket& socket);
  /// Throws for the first failure.
  void commit(os::NetlinkSocket& socket);

 private:
  struct FreeSet {
    void operator()(nftnl_set* set) const;
  };
  using Set = std::unique_ptr<nftnl_set, FreeSet>;
  nlmsghdr* message(std::uint16_t type, std::uint16_t flags, std::string words);
  Set named_set(const std::string& name) const;
  void elements(std::uint16_t type, const Set& set, std::string words);
  Set subnet_elements(const std::string& map, const Subnet& subnet, const std::string& chain);
  Set target_elements(const std::string& map, NftSetKind kind, const NftTarget& target, bool data);
  void control(std::uint16_t type);

  std::string table_;
  os::NetlinkBatch batch_;
  std::uint32_t set_id_ = 0;
};

}  // namespace wharf::network
