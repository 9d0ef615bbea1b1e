// Driver "bridge": a Linux bridge with NAT to the outside, a veth pair per container.
//
// Isolation is the firewall's (other bridges, the outside) and the bridge port's (icc=false).
// A bridge of ours carries the firewall table's name as its alias; sweep() removes those that
// no network knows. Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "network/driver.h"
#include "network/drivers/bridge_options.h"
#include "network/firewall.h"
#include "network/ports.h"
#include "os/netlink.h"

namespace wharf::network {

class BridgeDriver : public Driver {
 public:
  /// Opens its rtnetlink socket in the calling thread's network namespace.
  BridgeDriver(Firewall& firewall, PortTable& ports, std::string default_host_address);

  std::string_view name() const override { return "bridge"; }
  void check(const NetworkConfig& config) const override;
  void add(const Network& network) override;
  void remove(const Network& network) override;
  void plug(const Network& network, const InterfacePlan& plan, NetworkNamespace& netns) override;
  void publish(const Network& network, Ipv4 address, const PortMap& ports,
               Publication& publication) override;
  Publication restore_publication(Ipv4 address, const base::Json& record) override;

  /// Removes bridges of ours that belong to no network that was added.
  void sweep();

  os::NetlinkSocket& route() { return route_; }

 private:
  struct Bridge {
    int index = 0;
    BridgeOptions options;
  };
  Bridge bridge_of(const Network& network) const;
  int ensure_link(const Network& network, const BridgeOptions& options);
  void ensure_address(int index, Ipv4 gateway, int bits);
  std::vector<std::string> default_addresses(const BridgeOptions& options) const;

  Firewall& firewall_;
  PortTable& ports_;
  const std::string default_host_address_;
  const bool host_has_ipv6_;
  os::NetlinkSocket route_;
  mutable std::mutex mutex_;
  std::map<std::string, Bridge> bridges_;  ///< By network id.
};

}  // namespace wharf::network
