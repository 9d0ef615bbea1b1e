#include "cli/mounts.h"

#include <filesystem>

#include "base/strings.h"
#include "cli/option_values.h"
#include "cli/units.h"

namespace wharf::cli {
namespace {

using base::Json;
using base::JsonObject;

[[noreturn]] void wrong(const std::string& why) {
  throw UsageError(why);
}

/// The fields of one --mount on their way into JSON.
struct MountFields {
  JsonObject mount{{"Type", "volume"}};
  JsonObject bind;
  JsonObject volume;
  JsonObject image;
  JsonObject tmpfs;
};

JsonObject& object_in(JsonObject& parent, const char* key) {
  Json& value = parent[key];
  if (!value.is_object()) value = JsonObject();
  return value.get_object();
}

bool flag_value(const std::string& key, const std::string& value, bool has_value) {
  if (!has_value) return true;
  try {
    return parse_bool(value);
  } catch (const UsageError&) {
    wrong(fmt::format("invalid value for {}: {}", key, value));
  }
}

void set_bind_recursive(MountFields& fields, const std::string& value) {
  if (value == "enabled") return;
  if (value == "disabled") {
    fields.bind["NonRecursive"] = true;
  } else if (value == "writable") {
    fields.bind["ReadOnlyNonRecursive"] = true;
  } else if (value == "readonly") {
    fields.bind["ReadOnlyForceRecursive"] = true;
  } else {
    wrong(
        fmt::format("invalid value for bind-recursive: {} (must be \"enabled\", \"disabled\", "
                    "\"writable\", or \"readonly\")",
                    value));
  }
}

void set_pair(JsonObject& into, const std::string& value) {
  const std::size_t equals = value.find('=');
  into[value.substr(0, equals)] = equals == std::string::npos ? "" : value.substr(equals + 1);
}

void set_tmpfs(MountFields& fields, const std::string& key, const std::string& value) {
  try {
    if (key == "tmpfs-size") {
      fields.tmpfs["SizeBytes"] = parse_memory(value);
    } else {
      const std::string octal = value.starts_with('0') ? value : "0" + value;
      fields.tmpfs["Mode"] = parse_unsigned(octal, 32);
    }
  } catch (const UsageError&) {
    wrong(fmt::format("invalid value for {}: {}", key, value));
  }
}

/// Keys that need a value. False for a key that does not exist.
bool set_value(MountFields& fields, const std::string& key, const std::string& value) {
  if (key == "type") {
    fields.mount["Type"] = base::lower(value);
  } else if (key == "source" || key == "src") {
    // Docker: a relative source of a bind is made absolute when it begins with a dot.
    fields.mount["Source"] =
        value.starts_with(".") && (value.size() == 1 || value.find('/') != std::string::npos)
            ? std::filesystem::absolute(value).lexically_normal().string()
            : value;
  } else if (key == "target" || key == "dst" || key == "destination") {
    fields.mount["Target"] = value;
  } else if (key == "consistency") {
    fields.mount["Consistency"] = base::lower(value);
  } else if (key == "bind-propagation") {
    fields.bind["Propagation"] = base::lower(value);
  } else if (key == "bind-recursive") {
    set_bind_recursive(fields, value);
  } else if (key == "volume-subpath") {
    fields.volume["Subpath"] = value;
  } else if (key == "volume-label") {
    set_pair(object_in(fields.volume, "Labels"), value);
  } else if (key == "volume-driver") {
    object_in(fields.volume, "DriverConfig")["Name"] = value;
  } else if (key == "volume-opt") {
    set_pair(object_in(object_in(fields.volume, "DriverConfig"), "Options"), value);
  } else if (key == "image-subpath") {
    fields.image["Subpath"] = value;
  } else if (key == "tmpfs-size" || key == "tmpfs-mode") {
    set_tmpfs(fields, key, value);
  } else {
    return false;
  }
  return true;
}

void set_field(MountFields& fields, const std::string& field) {
  const std::size_t equals = field.find('=');
  const bool has_value = equals != std::string::npos;
  const std::string key = base::lower(field.substr(0, equals));
  const std::string value = has_value ? field.substr(equals + 1) : "";
  if (key == "readonly" || key == "ro") {
    if (flag_value(key, value, has_value)) fields.mount["ReadOnly"] = true;
  } else if (key == "volume-nocopy") {
    if (flag_value(key, value, has_value)) fields.volume["NoCopy"] = true;
  } else if (key == "bind-nonrecursive") {
    if (flag_value(key, value, has_value)) fields.bind["NonRecursive"] = true;
  } else if (!has_value) {
    wrong(fmt::format("invalid field '{}' must be a key=value pair", field));
  } else if (!set_value(fields, key, value)) {
    wrong(fmt::format("unexpected key '{}' in '{}'", key, field));
  }
}

/// "bind-*" options only with a bind, and so on.
void attach_options(MountFields& fields) {
  const std::string type(fields.mount["Type"].get_string());
  const std::pair<const char*, JsonObject*> groups[] = {{"volume", &fields.volume},
                                                        {"image", &fields.image},
                                                        {"bind", &fields.bind},
                                                        {"tmpfs", &fields.tmpfs}};
  static constexpr const char* kMembers[] = {"VolumeOptions", "ImageOptions", "BindOptions",
                                             "TmpfsOptions"};
  for (std::size_t i = 0; i < std::size(groups); ++i) {
    const auto& [name, options] = groups[i];
    if (options->empty()) continue;
    if (type != name)
      wrong(fmt::format("cannot mix '{}-*' options with mount type '{}'", name, type));
    fields.mount[kMembers[i]] = *options;
  }
}

void check_bind(const MountFields& fields) {
  if (!fields.bind.if_contains("ReadOnlyForceRecursive")) return;
  const Json* read_only = fields.mount.if_contains("ReadOnly");
  if (!read_only)
    wrong("option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction");
  const Json* propagation = fields.bind.if_contains("Propagation");
  if (!propagation || *propagation != "rprivate") {
    wrong(
        "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in "
        "conjunction");
  }
}

/// Where the source of "source:target" ends: a single letter and a colon are a Windows drive.
std::size_t source_end(const std::string& text) {
  const bool drive =
      text.size() > 1 && text[1] == ':' && std::isalpha(static_cast<unsigned char>(text[0]));
  return text.find(':', drive ? 2 : 0);
}

}  // namespace

Json parse_mount(const std::string& text) {
  MountFields fields;
  for (const std::string& field : csv_fields(text)) set_field(fields, field);
  if (fields.mount["Type"].get_string().empty()) wrong("type is required");
  const Json* target = fields.mount.if_contains("Target");
  if (!target || target->get_string().empty()) wrong("target is required");
  attach_options(fields);
  check_bind(fields);
  JsonObject ordered;
  for (const char* key : {"Type", "Source", "Target", "ReadOnly", "Consistency", "BindOptions",
                          "VolumeOptions", "ImageOptions", "TmpfsOptions"}) {
    const Json* value = fields.mount.if_contains(key);
    if (value && !(value->is_string() && value->get_string().empty())) ordered.emplace(key, *value);
  }
  return ordered;
}

Volumes sort_volumes(const std::vector<std::string>& given) {
  Volumes out;
  for (const std::string& each : given) {
    const std::size_t end = source_end(each);
    if (end == std::string::npos || end == 0 || each.size() <= 2) {
      out.anonymous.push_back(each);
      continue;
    }
    std::string source = each.substr(0, end);
    if (source.starts_with('.'))
      source = std::filesystem::absolute(source).lexically_normal().string();
    if (source.size() > 1 && source.ends_with('/')) source.pop_back();
    out.binds.push_back((each.starts_with('.') ? source : each.substr(0, end)) + each.substr(end));
  }
  return out;
}

}  // namespace wharf::cli
