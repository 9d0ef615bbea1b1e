// A network as it is kept, inspected and listed: plain values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

namespace wharf::network {

/// One subnet, as the user asked for it or as it was chosen.
struct IpamPool {
  std::string subnet;
  std::string ip_range;
  std::string gateway;
  std::map<std::string, std::string> auxiliary_addresses;
  auto operator<=>(const IpamPool&) const = default;
};

/// The body of POST /networks/create, after its JSON was checked.
struct NetworkConfig {
  std::string name;
  std::string driver = "bridge";
  std::string scope = "local";
  bool internal = false;
  bool attachable = false;
  bool ingress = false;
  bool config_only = false;
  std::string config_from;
  bool enable_ipv4 = true;
  bool enable_ipv6 = false;
  std::string ipam_driver = "default";
  std::optional<std::map<std::string, std::string>> ipam_options;
  std::vector<IpamPool> ipam;
  std::map<std::string, std::string> options;
  std::map<std::string, std::string> labels;
};

/// Who is on it, by container id.
struct Member {
  std::string container_id;
  std::string container_name;
  std::string endpoint_id;
  std::string mac_address;
  std::string ipv4_address;  ///< "172.17.0.2/16"
  std::vector<std::string> dns_names;
  std::vector<std::string> links;  ///< "target:alias", for this one alone.
};

/// How many addresses of a subnet are taken (API 1.52, Status.IPAM).
struct SubnetStatus {
  std::string subnet;
  std::uint64_t in_use = 0;
  std::uint64_t available = 0;
};

struct Network : NetworkConfig {
  std::string id;
  base::Time created;
  bool predefined = false;
  std::string router_address;  ///< Containers' default route, where it is not the gateway's.
  bool user_subnet = false;    ///< The user chose the subnet: static addresses are allowed.
  /// The boot (boot_id) in which we turned ip_forward on, at the default bridge; else empty.
  std::string router_since;
  std::vector<Member> members;
  std::vector<SubnetStatus> subnets;
};

}  // namespace wharf::network
