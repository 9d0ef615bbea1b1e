#include "api/event.h"

namespace wharf::api {
namespace {

std::string attribute(const base::Event& event, const char* key) {
  const auto found = event.attributes.find(key);
  return found == event.attributes.end() ? std::string() : found->second;
}

/// "a/b:tag@sha256:..." without tag and digest.
std::string without_tag(const std::string& reference) {
  const std::string name = reference.substr(0, reference.find('@'));
  const std::size_t slash = name.rfind('/');
  const std::size_t colon = name.rfind(':');
  const bool tagged = colon != std::string::npos && (slash == std::string::npos || colon > slash);
  return tagged ? name.substr(0, colon) : name;
}

/// An object of `type` is named by its id or its name, or the start of its id.
bool names_object(const base::Event& event, const base::Filters& filters, const std::string& type) {
  if (!filters.contains(type)) return true;
  return filters.prefix(type, event.id) || filters.prefix(type, attribute(event, "name"));
}

bool names_image(const base::Event& event, const base::Filters& filters) {
  if (!filters.contains("image")) return true;
  const std::string image = event.type == "image" ? event.id : attribute(event, "image");
  const std::string name = event.type == "image" ? attribute(event, "name") : image;
  if (event.type != "image" && event.type != "container") return false;
  return filters.exact("image", image) || filters.exact("image", name) ||
         filters.exact("image", without_tag(image)) || filters.exact("image", without_tag(name));
}

/// "exec_start: sh -c true" is asked for as "exec_start"; "health_status" also means all of its
/// kinds.
bool names_action(const base::Event& event, const base::Filters& filters) {
  if (filters.exact("event", event.action)) return true;
  return filters.exact("event", event.action.substr(0, event.action.find(':')));
}

}  // namespace

base::Json event_json(const base::Event& event, Version version) {
  base::JsonObject json;
  if (version < Version{1, 52}) {
    if (event.type == "container" || event.type == "image") {
      json["status"] = event.action;
      json["id"] = event.id;
      const std::string from =
          event.type == "container" ? attribute(event, "image") : std::string();
      if (!from.empty()) json["from"] = from;
    }
  }
  base::JsonObject attributes;
  for (const auto& [key, value] : event.attributes) attributes[key] = value;
  json["Type"] = event.type;
  json["Action"] = event.action;
  json["Actor"] = base::JsonObject{{"ID", event.id}, {"Attributes", std::move(attributes)}};
  json["scope"] = "local";
  json["time"] = event.time.unix_ns / 1'000'000'000;
  json["timeNano"] = event.time.unix_ns;
  return json;
}

bool event_passes(const base::Event& event, const base::Filters& filters) {
  for (const char* type : {"container", "network", "volume", "plugin", "daemon", "service", "node",
                           "secret", "config"}) {
    if (!names_object(event, filters, type)) return false;
  }
  return filters.exact("type", event.type) && filters.exact("scope", "local") &&
         names_action(event, filters) && names_image(event, filters) &&
         filters.labels("label", event.attributes);
}

}  // namespace wharf::api
