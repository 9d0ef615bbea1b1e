// The one nftables table of this daemon.
//
// Family inet, name wharf_<hash of the instance>, so that daemons live side by side and the
// host's own tables stay as they are. What a packet meets (README.md shows it as nft text):
//
//   prerouting raw   127/8 that does not come from the host itself is dropped, as publishing on
//                    127.0.0.1 needs route_localnet; internal networks reach only themselves.
//   prerouting nat,  a packet to an address of the host whose port is in a map gets its
//   output nat       container as destination.
//   forward          towards a bridge of ours only: what is established, what comes from the same
//                    bridge (icc), what was translated by a published port. The rest is dropped.
//   postrouting nat  masquerade of a network's addresses towards elsewhere, of hairpins, of 127/8.
//
// A published port is one element of a map, so the thousandth costs what the first did.
// Thread-safe. Throws base::Error.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "network/address.h"
#include "network/nft.h"
#include "os/netlink.h"

namespace wharf::network {

/// What the firewall must know of one bridge network.
struct BridgeRules {
  std::string bridge;
  Subnet subnet;
  bool icc = true;
  bool masquerade = true;
  bool internal = false;
};

class Firewall {
 public:
  struct Options {
    std::string instance;
    /// Foreign forwarding is dropped: we made this host a router, and nobody asked us for that.
    bool drop_foreign_forwarding = false;
    bool enabled = true;  ///< false: every call does nothing (`--iptables=false`).
  };
  /// Opens the socket in the calling thread's network namespace. Changes nothing yet.
  explicit Firewall(Options options);

  /// Makes the whole table anew, in one transaction, from what was added so far.
  void rebuild();

  /// Before the first rebuild() it is only remembered.
  void add_bridge(const BridgeRules& rules);
  void remove_bridge(const std::string& bridge);

  /// Throws Conflict where a port of the same address and protocol is there already.
  void publish(const std::vector<NftTarget>& targets);
  /// What is gone already is no error.
  void withdraw(const std::vector<NftTarget>& targets);
  /// Remembered, so that the next rebuild() has them: ports of containers found alive.
  void adopt(const std::vector<NftTarget>& targets);

  const std::string& table() const { return table_; }

 private:
  using Key = std::tuple<Ipv4, std::uint8_t, std::uint16_t>;
  void forget_flows(const std::vector<NftTarget>& targets);
  void add_frame(NftBatch& batch) const;
  void add_bridge_to(NftBatch& batch, const BridgeRules& rules) const;

  const Options options_;
  const std::string table_;
  os::NetlinkSocket socket_;
  std::mutex mutex_;
  bool built_ = false;
  std::map<std::string, BridgeRules> bridges_;
  std::map<Key, NftTarget> targets_;
};

}  // namespace wharf::network
