// What the daemon's flags say about networks (reference/daemon.md, section 1.4).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace wharf::network {

/// "172.20.0.0/14" cut into subnets of `size` bits.
struct AddressPool {
  std::string base;
  int size = 24;
};

struct Settings {
  /// `--bridge`: an existing bridge to use as it is; "none": no default bridge. Empty: ours.
  std::string bridge;
  /// Ours is called this. Docker: always docker0; daemons side by side give each its own.
  std::string default_bridge_name = "docker0";
  std::string bip;              ///< `--bip` "172.17.0.1/16"; empty: the first free pool.
  std::string fixed_cidr;       ///< `--fixed-cidr`: containers get addresses of this part only.
  std::string default_gateway;  ///< `--default-gateway` of containers; empty: the bridge.
  std::string default_host_ip = "0.0.0.0";  ///< `--ip`: where -p without an address binds.
  int mtu = 1500;
  bool icc = true;
  bool ip_masquerade = true;
  bool ip_forward = true;           ///< Turn net.ipv4.ip_forward on.
  bool ip_forward_no_drop = false;  ///< Do not drop foreign forwarding where we turned it on.
  bool firewall = true;             ///< `--iptables=false`: no table of ours.
  std::vector<AddressPool> address_pools;  ///< Empty: Docker's.
  std::vector<std::string> host_gateway_ips;
  std::vector<std::string> dns, dns_search, dns_options;  ///< For containers that name none.

  /// Tells the tables of daemons side by side apart: the exec root's path.
  std::string instance;
  /// The file host names are copied from.
  std::string resolv_conf = "/etc/resolv.conf";
  unsigned pooled_namespaces = 8;
};

}  // namespace wharf::network
