// /networks: create, inspect, list, remove, connect, disconnect, prune.
#include "network/networks.h"

#include "api/network.h"
#include "base/strings.h"
#include "engine/engine.h"
#include "network/address.h"
#include "server/exchange.h"
#include "server/route.h"

namespace wharf::server {
namespace {

using base::fail;
using base::Kind;
using engine::Engine;
using network::Network;

api::NetworkInfo describe(const Network& network, bool in_full) {
  api::NetworkInfo info;
  info.name = network.name;
  info.id = network.id;
  info.created = base::rfc3339_nano(network.created);
  info.scope = network.scope;
  info.driver = network.driver;
  info.enable_ipv4 = network.enable_ipv4;
  info.enable_ipv6 = network.enable_ipv6;
  info.ipam.driver = network.ipam_driver;
  info.ipam.options = network.ipam_options;
  // Docker: a configuration network has asked for nothing yet, so it shows no pools.
  if (!network.ipam.empty() && !network.config_only) info.ipam.config.emplace();
  for (const network::IpamPool& pool : network.ipam) {
    if (!info.ipam.config) break;
    info.ipam.config->push_back(
        {pool.subnet, pool.ip_range, pool.gateway, pool.auxiliary_addresses});
  }
  info.internal = network.internal;
  info.attachable = network.attachable;
  info.ingress = network.ingress;
  info.config_from.network = network.config_from;
  info.config_only = network.config_only;
  info.options = network.options;
  info.labels = network.labels;
  if (!in_full) return info;
  auto& containers = info.containers.emplace();
  for (const network::Member& member : network.members) {
    containers[member.container_id] = {member.container_name, member.endpoint_id,
                                       member.mac_address, member.ipv4_address, ""};
  }
  for (const network::SubnetStatus& subnet : network.subnets) {
    info.subnets[subnet.subnet] = {subnet.in_use, subnet.available};
  }
  return info;
}

bool in_use(const Network& network) {
  return network.predefined || !network.members.empty();
}

std::optional<bool> dangling(const base::Filters& filters) {
  std::optional<bool> wanted;
  for (const std::string& value : filters.get("dangling")) {
    if (value == "1" || value == "true") {
      wanted = true;
    } else if (value == "0" || value == "false") {
      wanted = false;
    } else {
      fail(Kind::InvalidArgument,
           "invalid value for filter 'dangling', must be \"true\" (or \"1\"), or \"false\" (or "
           "\"0\")");
    }
  }
  return wanted;
}

void check_types(const base::Filters& filters) {
  for (const std::string& type : filters.get("type")) {
    // Docker: answers 500 here.
    if (type != "custom" && type != "builtin") {
      fail(Kind::Internal, "invalid filter: 'type'='{}'", type);
    }
  }
}

void list(Engine& engine, Exchange& exchange) {
  const base::Filters filters = exchange.filters();
  filters.require_known({"dangling", "driver", "id", "label", "name", "scope", "type"});
  const std::optional<bool> wanted_dangling = dangling(filters);
  check_types(filters);
  base::JsonArray answer;
  for (const Network& network : engine.networks.list()) {
    const bool shown = filters.exact("driver", network.driver) &&
                       filters.matches("id", network.id) && filters.matches("name", network.name) &&
                       filters.exact("scope", network.scope) &&
                       filters.exact("type", network.predefined ? "builtin" : "custom") &&
                       filters.labels("label", network.labels) &&
                       (!wanted_dangling || *wanted_dangling != in_use(network));
    // Docker: before 1.28 the list has the containers too.
    if (shown)
      answer.push_back(to_json(describe(network, exchange.before(28)), exchange.version()));
  }
  exchange.reply(200, answer);
}

void inspect(Engine& engine, Exchange& exchange) {
  exchange.strict_flag("verbose");
  const std::string& name = exchange.variable("id");
  if (name.empty()) return list(engine, exchange);
  const Network network = engine.networks.inspect(name);
  const std::string& scope = exchange.parameter("scope");
  if (!scope.empty() && scope != network.scope) {
    fail(Kind::NotFound, "network {} not found", name);
  }
  exchange.reply(200, to_json(describe(network, true), exchange.version()));
}

bool is_ipv6(const std::string& text) {
  return text.find(':') != std::string::npos;
}

void check_address(const std::string& text) {
  if (text.empty() || (is_ipv6(text) && network::is_ipv6(text))) return;
  network::Ipv4::parse(text);
}

/// Go checks these while it decodes, so a bad one is "invalid JSON: ...".
void check_prefix(const std::string& text) {
  if (text.empty()) return;
  if (is_ipv6(text) && network::is_ipv6(text.substr(0, text.rfind('/')))) return;
  network::Subnet::parse(text);
}

void read_create(const base::Json& json, api::NetworkCreateRequest& request) {
  from_json(json, request);
  if (!request.ipam || !request.ipam->config) return;
  for (const api::IpamConfig& pool : *request.ipam->config) {
    check_prefix(pool.subnet);
    check_prefix(pool.ip_range);
    check_address(pool.gateway);
    for (const auto& [name, address] : pool.auxiliary_addresses) check_address(address);
  }
}

network::NetworkConfig config_of(const api::NetworkCreateRequest& request, bool ipv4_is_asked) {
  network::NetworkConfig config;
  config.name = request.name;
  if (!request.driver.empty() && request.driver != "default") config.driver = request.driver;
  if (!request.scope.empty()) config.scope = request.scope;
  config.internal = request.internal;
  config.attachable = request.attachable;
  config.ingress = request.ingress;
  config.config_only = request.config_only;
  if (request.config_from) config.config_from = request.config_from->network;
  if (ipv4_is_asked) config.enable_ipv4 = request.enable_ipv4.value_or(true);
  config.enable_ipv6 = request.enable_ipv6.value_or(false);
  config.options = request.options.value_or(std::map<std::string, std::string>{});
  config.labels = request.labels.value_or(std::map<std::string, std::string>{});
  if (!request.ipam) return config;
  if (!request.ipam->driver.empty()) config.ipam_driver = request.ipam->driver;
  config.ipam_options = request.ipam->options;
  if (!request.ipam->config) return config;
  for (const api::IpamConfig& pool : *request.ipam->config) {
    config.ipam.push_back({pool.subnet, pool.ip_range, pool.gateway, pool.auxiliary_addresses});
  }
  return config;
}

void create(Engine& engine, Exchange& exchange) {
  api::NetworkCreateRequest request;
  exchange.read_json([&](const base::Json& json) { read_create(json, request); });
  // Docker: EnableIPv4 is new in 1.48 and ignored before.
  const std::string id = engine.networks.create(config_of(request, !exchange.before(48)));
  exchange.reply(201, to_json(api::NetworkCreateResponse{id, ""}));
}

void remove(Engine& engine, Exchange& exchange) {
  engine.networks.remove(exchange.variable("id"));
  exchange.reply(204);
}

void prune(Engine& engine, Exchange& exchange) {
  const base::Filters filters = exchange.filters();
  filters.require_known({"label", "label!", "until"});
  const std::optional<base::Time> before = filters.until(base::now());
  api::NetworkPruneResponse response;
  for (const Network& network : engine.networks.list()) {
    const bool kept = in_use(network) || !filters.labels("label", network.labels) ||
                      (filters.contains("label!") && filters.labels("label!", network.labels)) ||
                      (before && network.created > *before);
    if (kept) continue;
    try {
      engine.networks.remove(network.id);
    } catch (const base::Error&) {
      continue;  // Joined or removed since it was listed.
    }
    if (!response.networks_deleted) response.networks_deleted.emplace();
    response.networks_deleted->push_back(network.name);
  }
  engine.events.publish({"network", "prune", "", {{"reclaimed", "0"}}, {}});
  exchange.reply(200, to_json(response));
}

void connect(Engine& engine, Exchange& exchange) {
  api::NetworkConnectRequest request;
  exchange.read_json([&](const base::Json& json) { from_json(json, request); });
  engine.containers.connect(request.container, exchange.variable("id"), request.endpoint_config);
  exchange.reply(200);
}

void disconnect(Engine& engine, Exchange& exchange) {
  api::NetworkDisconnectRequest request;
  exchange.read_json([&](const base::Json& json) { from_json(json, request); });
  engine.containers.disconnect(request.container, exchange.variable("id"), request.force);
  exchange.reply(200);
}

constexpr Route kRoutes[] = {
    {"GET", "/networks", list},
    {"GET", "/networks/", list},
    {"GET", "/networks/{id:.*}", inspect},
    {"POST", "/networks/create", create},
    {"POST", "/networks/{id:.*}/connect", connect},
    {"POST", "/networks/{id:.*}/disconnect", disconnect},
    {"POST", "/networks/prune", prune, {1, 25}},
    {"DELETE", "/networks/{id:.*}", remove},
};

}  // namespace

std::span<const Route> network_routes() {
  return kRoutes;
}

}  // namespace wharf::server
