// What older versions of the API show of a container beside what the newest does.
#include "base/ids.h"
#include "server/routes/containers.h"

namespace wharf::server {
namespace {

constexpr const char* kEndpointFields[] = {"EndpointID",          "Gateway",   "GlobalIPv6Address",
                                           "GlobalIPv6PrefixLen", "IPAddress", "IPPrefixLen",
                                           "IPv6Gateway",         "MacAddress"};

bool is_number(std::string_view field) {
  return field.ends_with("Len");
}

/// Docker: before 1.52 the endpoint on the default bridge is repeated one level up.
void add_legacy_network(base::JsonObject& settings) {
  const base::Json* networks = settings.if_contains("Networks");
  const base::Json* bridge = nullptr;
  if (networks && networks->is_object()) bridge = networks->get_object().if_contains("bridge");
  if (!bridge) return;
  for (const char* field : kEndpointFields) {
    const base::Json* value =
        bridge && bridge->is_object() ? bridge->get_object().if_contains(field) : nullptr;
    if (value && !value->is_null()) {
      settings[field] = *value;
    } else if (is_number(field)) {
      settings[field] = 0;
    } else {
      settings[field] = "";
    }
  }
}

/// Docker: before 1.45 aliases on networks of the user ended with the short id.
void add_legacy_aliases(base::JsonObject& settings, const std::string& id) {
  base::Json* networks = settings.if_contains("Networks");
  if (!networks || !networks->is_object()) return;
  for (auto& [name, endpoint] : networks->get_object()) {
    if (name == "bridge" || name == "host" || name == "none" || !endpoint.is_object()) continue;
    base::Json& aliases = endpoint.get_object()["Aliases"];
    if (!aliases.is_array()) aliases.emplace_array();
    const base::Json short_id(base::short_id(id));
    base::JsonArray& list = aliases.get_array();
    if (std::ranges::find(list, short_id) == list.end()) list.push_back(short_id);
  }
}

}  // namespace

base::Json inspect_json(const api::ContainerInspect& inspect, api::Version version) {
  base::Json json = api::to_json(inspect);
  if (version >= api::Version{1, 52}) json.at("Config").get_object().erase("MacAddress");
  base::Json* settings = json.get_object().if_contains("NetworkSettings");
  if (!settings || !settings->is_object()) return json;
  if (version < api::Version{1, 52}) add_legacy_network(settings->get_object());
  if (version < api::Version{1, 45}) add_legacy_aliases(settings->get_object(), inspect.id);
  return json;
}

}  // namespace wharf::server
