// The bodies of /networks: create, inspect and list, connect, disconnect, prune.
//
// Plain values, one table of fields for daemon and command line.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/endpoint.h"
#include "api/version.h"
#include "base/json.h"

namespace wharf::api {

struct IpamConfig {
  std::string subnet;
  std::string ip_range;
  std::string gateway;
  std::map<std::string, std::string> auxiliary_addresses;
  auto operator<=>(const IpamConfig&) const = default;
};

struct Ipam {
  std::string driver;
  StringMap options;
  std::optional<std::vector<IpamConfig>> config;
};

struct ConfigReference {
  std::string network;
};

/// One container on a network (inspect only).
struct NetworkMember {
  std::string name;
  std::string endpoint_id;
  std::string mac_address;
  std::string ipv4_address;
  std::string ipv6_address;
};

/// API 1.52: Status.IPAM.Subnets.
struct SubnetUse {
  std::uint64_t ips_in_use = 0;
  std::uint64_t dynamic_ips_available = 0;
};

struct NetworkInfo {
  std::string name;
  std::string id;
  std::string created;
  std::string scope;
  std::string driver;
  bool enable_ipv4 = true;
  bool enable_ipv6 = false;
  Ipam ipam;
  bool internal = false;
  bool attachable = false;
  bool ingress = false;
  ConfigReference config_from;
  bool config_only = false;
  std::map<std::string, std::string> options;
  std::map<std::string, std::string> labels;
  /// By container id; none in lists.
  std::optional<std::map<std::string, NetworkMember>> containers;
  /// By subnet; written since 1.52, and not in lists.
  std::map<std::string, SubnetUse> subnets;
};

struct NetworkCreateRequest {
  std::string name;
  std::string driver;
  std::string scope;
  bool internal = false;
  bool attachable = false;
  bool ingress = false;
  bool config_only = false;
  std::optional<ConfigReference> config_from;
  std::optional<bool> enable_ipv4;
  std::optional<bool> enable_ipv6;
  std::optional<Ipam> ipam;
  StringMap options;
  StringMap labels;
};

struct NetworkCreateResponse {
  std::string id;
  std::string warning;
};

struct NetworkConnectRequest {
  std::string container;
  std::optional<EndpointSettings> endpoint_config;
};

struct NetworkDisconnectRequest {
  std::string container;
  bool force = false;
};

struct NetworkPruneResponse {
  Strings networks_deleted;  ///< Names. Docker: null when none were.
};

base::Json to_json(const NetworkInfo& network, Version version);
void from_json(const base::Json& json, NetworkInfo& network);
base::Json to_json(const NetworkCreateRequest& request);
void from_json(const base::Json& json, NetworkCreateRequest& request);
base::Json to_json(const NetworkCreateResponse& response);
void from_json(const base::Json& json, NetworkCreateResponse& response);
base::Json to_json(const NetworkConnectRequest& request);
void from_json(const base::Json& json, NetworkConnectRequest& request);
base::Json to_json(const NetworkDisconnectRequest& request);
void from_json(const base::Json& json, NetworkDisconnectRequest& request);
base::Json to_json(const NetworkPruneResponse& response);
void from_json(const base::Json& json, NetworkPruneResponse& response);

}  // namespace wharf::api
