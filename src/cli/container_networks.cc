#include "cli/container_networks.h"

#include "base/error.h"
#include "base/strings.h"

namespace wharf::cli {

using base::Json;
using base::JsonArray;
using base::JsonObject;
using base::Kind;

namespace {

/// Go's nil slice is null.
Json array_or_null(const std::vector<std::string>& values) {
  if (values.empty()) return nullptr;
  JsonArray out;
  for (const std::string& each : values) out.push_back(boost::json::string(each));
  return out;
}

bool is_user_defined(const std::string& network) {
  return network != "default" && network != "bridge" && network != "host" && network != "none" &&
         !network.starts_with("container:");
}

JsonObject endpoint_json(const NetworkAttachment& network, const ContainerOptions& o) {
  JsonObject addresses;
  if (!network.ip.empty()) addresses["IPv4Address"] = network.ip;
  if (!network.ip6.empty()) addresses["IPv6Address"] = network.ip6;
  if (!network.link_local_ips.empty())
    addresses["LinkLocalIPs"] = array_or_null(network.link_local_ips);
  const bool takes_links = &network == o.networks.data() && is_user_defined(network.target);
  JsonObject out;
  out["IPAMConfig"] = addresses.empty() ? Json(nullptr) : Json(addresses);
  out["Links"] = takes_links ? array_or_null(o.links) : Json(nullptr);
  out["Aliases"] = array_or_null(network.aliases);
  out["MacAddress"] = network.mac_address;
  out["DriverOpts"] = network.driver_options.empty() ? Json(nullptr) : Json(network.driver_options);
  out["GwPriority"] = network.gateway_priority;
  return out;
}

/// The first network takes --ip, --network-alias and the like; Docker: each may be given
/// in one place only.
void merge_into_first(NetworkAttachment& network, const ContainerOptions& o) {
  const auto take = [](std::string& into, const std::string& given, const char* what) {
    if (given.empty()) return;
    if (!into.empty())
      base::fail(Kind::InvalidArgument,
                 "conflicting options: cannot specify both --{} and per-network {}", what, what);
    into = given;
  };
  if (!o.network_alias.empty() && !network.aliases.empty()) {
    base::fail(Kind::InvalidArgument,
               "conflicting options: cannot specify both --network-alias and per-network alias");
  }
  network.aliases.insert(network.aliases.end(), o.network_alias.begin(), o.network_alias.end());
  take(network.ip, o.ip, "ip");
  take(network.ip6, o.ip6, "ip6");
  take(network.mac_address, o.mac_address, "mac-address");
  network.link_local_ips.insert(network.link_local_ips.end(), o.link_local_ip.begin(),
                                o.link_local_ip.end());
}

}  // namespace

JsonObject networking(ContainerOptions o) {
  if (o.networks.empty()) o.networks.push_back({.target = "default"});
  merge_into_first(o.networks[0], o);
  JsonObject endpoints;
  for (const NetworkAttachment& each : o.networks) {
    if (each.target.starts_with("container:")) continue;  // It has no endpoint of its own.
    if (endpoints.contains(each.target)) {
      base::fail(Kind::InvalidArgument, "network {} is specified multiple times",
                 base::quoted(each.target));
    }
    endpoints.emplace(each.target, endpoint_json(each, o));
  }
  return JsonObject{{"EndpointsConfig", endpoints}};
}

}  // namespace wharf::cli
