#include "api/network.h"

#include "api/container_fields.h"
#include "base/fields.h"

namespace wharf::base {

template <>
struct Fields<api::IpamConfig> {
  using T = api::IpamConfig;
  static constexpr auto table =
      std::make_tuple(field("Subnet", &T::subnet, kOmit), field("IPRange", &T::ip_range, kOmit),
                      field("Gateway", &T::gateway, kOmit),
                      field("AuxiliaryAddresses", &T::auxiliary_addresses, kOmit));
};

template <>
struct Fields<api::Ipam> {
  using T = api::Ipam;
  static constexpr auto table = std::make_tuple(
      field("Driver", &T::driver), field("Options", &T::options), field("Config", &T::config));
};

template <>
struct Fields<api::ConfigReference> {
  static constexpr auto table = std::make_tuple(field("Network", &api::ConfigReference::network));
};

template <>
struct Fields<api::NetworkMember> {
  using T = api::NetworkMember;
  static constexpr auto table =
      std::make_tuple(field("Name", &T::name), field("EndpointID", &T::endpoint_id),
                      field("MacAddress", &T::mac_address), field("IPv4Address", &T::ipv4_address),
                      field("IPv6Address", &T::ipv6_address));
};

template <>
struct Fields<api::SubnetUse> {
  using T = api::SubnetUse;
  static constexpr auto table = std::make_tuple(
      field("IPsInUse", &T::ips_in_use), field("DynamicIPsAvailable", &T::dynamic_ips_available));
};

template <>
struct Fields<api::NetworkInfo> {
  using T = api::NetworkInfo;
  static constexpr auto table =
      std::make_tuple(field("Name", &T::name), field("Id", &T::id), field("Created", &T::created),
                      field("Scope", &T::scope), field("Driver", &T::driver),
                      field("EnableIPv4", &T::enable_ipv4), field("EnableIPv6", &T::enable_ipv6),
                      field("IPAM", &T::ipam), field("Internal", &T::internal),
                      field("Attachable", &T::attachable), field("Ingress", &T::ingress),
                      field("ConfigFrom", &T::config_from), field("ConfigOnly", &T::config_only),
                      field("Options", &T::options), field("Labels", &T::labels));
};

template <>
struct Fields<api::NetworkCreateRequest> {
  using T = api::NetworkCreateRequest;
  static constexpr auto table = std::make_tuple(
      field("Name", &T::name), field("Driver", &T::driver), field("Scope", &T::scope),
      field("Internal", &T::internal), field("Attachable", &T::attachable),
      field("Ingress", &T::ingress), field("ConfigOnly", &T::config_only),
      field("ConfigFrom", &T::config_from), field("EnableIPv4", &T::enable_ipv4, kOmit),
      field("EnableIPv6", &T::enable_ipv6, kOmit), field("IPAM", &T::ipam),
      field("Options", &T::options), field("Labels", &T::labels));
};

template <>
struct Fields<api::NetworkCreateResponse> {
  using T = api::NetworkCreateResponse;
  static constexpr auto table = std::make_tuple(field("Id", &T::id), field("Warning", &T::warning));
};

template <>
struct Fields<api::NetworkConnectRequest> {
  using T = api::NetworkConnectRequest;
  static constexpr auto table = std::make_tuple(
      field("Container", &T::container), field("EndpointConfig", &T::endpoint_config, kOmit));
};

template <>
struct Fields<api::NetworkDisconnectRequest> {
  using T = api::NetworkDisconnectRequest;
  static constexpr auto table =
      std::make_tuple(field("Container", &T::container), field("Force", &T::force));
};

template <>
struct Fields<api::NetworkPruneResponse> {
  using T = api::NetworkPruneResponse;
  static constexpr auto table = std::make_tuple(field("NetworksDeleted", &T::networks_deleted));
};

}  // namespace wharf::base

namespace wharf::api {
namespace {

constexpr Version kStatusSince{1, 52};

}  // namespace

base::Json to_json(const NetworkInfo& network, Version version) {
  base::Json json = base::to_json(network);
  if (!network.containers) return json;
  base::JsonObject& object = json.as_object();
  object["Containers"] = base::to_json(*network.containers);
  if (version >= kStatusSince && !network.subnets.empty()) {
    object["Status"] =
        base::JsonObject{{"IPAM", base::JsonObject{{"Subnets", base::to_json(network.subnets)}}}};
  }
  return json;
}

void from_json(const base::Json& json, NetworkInfo& network) {
  base::from_json(json, network);
  if (!json.is_object()) return;
  if (const base::Json* members = base::find(json.get_object(), "Containers")) {
    base::from_json(*members, network.containers, "Containers");
  }
}

base::Json to_json(const NetworkCreateRequest& request) {
  return base::to_json(request);
}
void from_json(const base::Json& json, NetworkCreateRequest& request) {
  base::from_json(json, request);
}
base::Json to_json(const NetworkCreateResponse& response) {
  return base::to_json(response);
}
void from_json(const base::Json& json, NetworkCreateResponse& response) {
  base::from_json(json, response);
}
base::Json to_json(const NetworkConnectRequest& request) {
  return base::to_json(request);
}
void from_json(const base::Json& json, NetworkConnectRequest& request) {
  base::from_json(json, request);
}
base::Json to_json(const NetworkDisconnectRequest& request) {
  return base::to_json(request);
}
void from_json(const base::Json& json, NetworkDisconnectRequest& request) {
  base::from_json(json, request);
}
base::Json to_json(const NetworkPruneResponse& response) {
  return base::to_json(response);
}
void from_json(const base::Json& json, NetworkPruneResponse& response) {
  base::from_json(json, response);
}

}  // namespace wharf::api
