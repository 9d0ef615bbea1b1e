// One container's place on one network (swagger EndpointSettings): what the user asks
// for, and what the network answered.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "api/container_config.h"

namespace wharf::api {

struct EndpointIpamConfig {
  std::string ipv4_address;
  std::string ipv6_address;
  Strings link_local_ips;
  auto operator<=>(const EndpointIpamConfig&) const = default;
};

struct EndpointSettings {
  // Asked for.
  std::optional<EndpointIpamConfig> ipam_config;
  Strings links;
  Strings aliases;
  StringMap driver_opts;
  std::int64_t gw_priority = 0;

  // Answered, while the container runs.
  std::string network_id;
  std::string endpoint_id;
  std::string gateway;
  std::string ip_address;
  std::string mac_address;  ///< Asked for as well since API 1.44.
  std::int64_t ip_prefix_len = 0;
  std::string ipv6_gateway;
  std::string global_ipv6_address;
  std::int64_t global_ipv6_prefix_len = 0;
  Strings dns_names;

  auto operator<=>(const EndpointSettings&) const = default;
};

/// By the name of the network.
using Endpoints = std::map<std::string, std::optional<EndpointSettings>>;

struct NetworkingConfig {
  std::optional<Endpoints> endpoints_config;
};

base::Json to_json(const EndpointSettings& settings);
void from_json(const base::Json& json, EndpointSettings& settings);

}  // namespace wharf::api
