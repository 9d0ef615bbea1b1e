// Values as Go prints and marshals them.
#include <cmath>

#include "base/strings.h"
#include "cli/template.h"

namespace wharf::cli {

using base::Json;

namespace {

/// Docker: structs print as {a b}, maps as map[k:v]. JSON does not tell them apart; members of
/// structs are exported Go names, keys of the maps in the API are not.
bool looks_like_struct(const base::JsonObject& object) {
  if (object.empty()) return false;
  for (const auto& member : object) {
    const std::string_view key = member.key();
    if (key.empty() || key[0] < 'A' || key[0] > 'Z') return false;
    for (const char c : key) {
      if (!std::isalnum(static_cast<unsigned char>(c))) return false;
    }
  }
  return true;
}

std::string go_number(double value) {
  const double size = std::fabs(value);
  if (size != 0 && (size < 1e-4 || size >= 1e21)) return fmt::format("{:e}", value);
  return fmt::format("{}", value);
}

std::string go_object(const base::JsonObject& object) {
  if (looks_like_struct(object)) {
    std::vector<std::string> parts;
    for (const auto& member : object) {
      parts.push_back(member.value().is_null() ? go_null(member.key()) : go_text(member.value()));
    }
    return "{" + base::join(parts, " ") + "}";
  }
  std::map<std::string, std::string> sorted;
  for (const auto& member : object) sorted.emplace(member.key(), go_text(member.value()));
  std::vector<std::string> parts;
  for (const auto& [key, text] : sorted) parts.push_back(key + ":" + text);
  return "map[" + base::join(parts, " ") + "]";
}

}  // namespace

std::string go_null(std::string_view field) {
  static constexpr std::string_view kPointers[] = {
      "OomKillDisable", "PidsLimit", "Init",       "StopTimeout",
      "Healthcheck",    "Health",    "IPAMConfig", "ImageManifestDescriptor",
      "Error",          "ExitCode"};
  static constexpr std::string_view kMaps[] = {
      "Labels",     "Volumes", "ExposedPorts", "PortBindings", "Options", "Config",
      "DriverOpts", "Sysctls", "Tmpfs",        "StorageOpt",   "Ports",   "Annotations"};
  for (const std::string_view each : kPointers) {
    if (each == field) return "<nil>";
  }
  for (const std::string_view each : kMaps) {
    if (each == field) return "map[]";
  }
  return "[]";
}

std::string go_text(const Json& value) {
  switch (value.kind()) {
    case boost::json::kind::null:
      return "<nil>";
    case boost::json::kind::bool_:
      return value.get_bool() ? "true" : "false";
    case boost::json::kind::int64:
      return std::to_string(value.get_int64());
    case boost::json::kind::uint64:
      return std::to_string(value.get_uint64());
    case boost::json::kind::double_:
      return go_number(value.get_double());
    case boost::json::kind::string:
      return std::string(value.get_string());
    case boost::json::kind::object:
      return go_object(value.get_object());
    case boost::json::kind::array:
      break;
  }
  std::vector<std::string> parts;
  for (const Json& each : value.get_array()) parts.push_back(go_text(each));
  return "[" + base::join(parts, " ") + "]";
}

std::string go_marshal(const Json& value) {
  if (value.is_object()) {
    std::map<std::string, const Json*> sorted;
    for (const auto& member : value.get_object()) sorted.emplace(member.key(), &member.value());
    std::vector<std::string> parts;
    for (const auto& [key, each] : sorted) {
      parts.push_back(go_marshal(Json(boost::json::string(key))) + ":" + go_marshal(*each));
    }
    return "{" + base::join(parts, ",") + "}";
  }
  std::string out;
  for (const char c : base::to_text(value)) {
    if (c == '<' || c == '>' || c == '&') {
      out += fmt::format("\\u{:04x}", static_cast<int>(c));
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace wharf::cli
