// What the edits of CDI devices do to an OCI spec.
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "container/cdi.h"

namespace wharf::container {

namespace {

using base::Json;
using base::JsonArray;
using base::JsonObject;
using base::Kind;

/// The fields of an object of edits, those that must be there first.
struct Shape {
  std::size_t needed;
  std::vector<std::string_view> fields;
};
const std::map<std::string_view, Shape> kShapes = {
    {"deviceNodes",
     {1, {"path", "hostPath", "type", "major", "minor", "fileMode", "permissions", "uid", "gid"}}},
    {"hooks", {2, {"hookName", "path", "args", "env", "timeout"}}},
    {"mounts", {2, {"hostPath", "containerPath", "options", "type"}}}};
const std::set<std::string_view> kHooks = {"prestart",       "createRuntime", "createContainer",
                                           "startContainer", "poststart",     "poststop"};

[[noreturn]] void bad(const std::string& why) {
  base::fail(Kind::InvalidArgument, "{}", why);
}

const JsonArray& list_at(const JsonObject& object, std::string_view name) {
  static const JsonArray kNone;
  const Json* found = object.if_contains(name);
  if (found == nullptr || found->is_null()) return kNone;
  if (!found->is_array()) bad(fmt::format("{} is no list", name));
  return found->get_array();
}

void check_texts(const JsonObject& object, std::string_view name) {
  for (const Json& each : list_at(object, name)) {
    if (!each.is_string()) bad(fmt::format("{} has an entry that is no text", name));
  }
}

void check_number(const JsonObject& object, std::string_view name) {
  const Json* found = object.if_contains(name);
  if (found != nullptr && !found->is_int64() && !found->is_uint64()) {
    bad(fmt::format("{} is no number", name));
  }
}

void check_entry(std::string_view list, const Json& entry) {
  if (!entry.is_object()) bad(fmt::format("{} has an entry that is no object", list));
  const JsonObject& object = entry.get_object();
  const Shape& shape = kShapes.at(list);
  for (const auto& [key, value] : object) {
    if (std::find(shape.fields.begin(), shape.fields.end(), key) == shape.fields.end()) {
      bad(fmt::format("unknown field {} of {}", base::quoted(std::string_view(key)), list));
    }
  }
  for (std::size_t i = 0; i < shape.needed; ++i) {
    if (base::text_at(object, shape.fields[i]).empty()) {
      bad(fmt::format("{} of {} is missing", shape.fields[i], list));
    }
  }
  for (const char* name : {"args", "env", "options"}) check_texts(object, name);
  for (const char* name : {"major", "minor", "fileMode", "uid", "gid", "timeout"}) {
    check_number(object, name);
  }
  const std::string_view access = base::text_at(object, "permissions");
  if (access.find_first_not_of("rwm") != access.npos) {
    bad(fmt::format("invalid permissions {}", base::quoted(access)));
  }
  if (list == "hooks" && !kHooks.contains(base::text_at(object, "hookName"))) {
    bad(fmt::format("invalid hook name {}", base::quoted(base::text_at(object, "hookName"))));
  }
}

JsonArray& array_in(JsonObject& object, std::string_view name) {
  Json& found = object[name];
  if (!found.is_array()) found = JsonArray();
  return found.get_array();
}
JsonObject& object_in(JsonObject& object, std::string_view name) {
  Json& found = object[name];
  if (!found.is_object()) found = JsonObject();
  return found.get_object();
}

template <class Predicate>
void erase_where(JsonArray& list, Predicate predicate) {
  list.erase(std::remove_if(list.begin(), list.end(), predicate), list.end());
}

/// What is there under the same name goes.
void replace(JsonArray& list, std::string_view key, JsonObject entry) {
  const std::string name(base::text_at(entry, key));
  erase_where(list, [&](const Json& each) {
    return each.is_object() && base::text_at(each.get_object(), key) == name;
  });
  list.push_back(std::move(entry));
}

void add_environment(JsonObject& spec, const JsonArray& entries) {
  JsonArray& environment = array_in(object_in(spec, "process"), "env");
  for (const Json& entry : entries) {
    const std::string_view text = entry.get_string();
    const std::string name(text.substr(0, text.find('=') + 1));
    erase_where(environment, [&](const Json& each) {
      return !name.empty() && std::string_view(each.get_string()).starts_with(name);
    });
    environment.push_back(entry);
  }
}

/// The kind and the numbers of a node, from the host where the file does not say them.
void fill_from_host(JsonObject& node, const std::string& host_path) {
  const bool told = node.contains("type") && (base::text_at(node, "type") == "p" ||
                                              (node.contains("major") && node.contains("minor")));
  if (told) return;
  struct stat file{};
  if (::stat(host_path.c_str(), &file) != 0) {
    throw base::errno_error(errno, fmt::format("CDI device injection failed: failed to inject "
                                               "devices: failed to stat CDI host device {}",
                                               base::quoted(host_path)));
  }
  const char* type = S_ISCHR(file.st_mode)    ? "c"
                     : S_ISBLK(file.st_mode)  ? "b"
                     : S_ISFIFO(file.st_mode) ? "p"
                                              : "";
  const std::string_view wanted = base::text_at(node, "type");
  if (*type == '\0' || (!wanted.empty() && wanted != type)) {
    base::fail(Kind::Internal,
               "CDI device injection failed: failed to inject devices: CDI device {}, host type "
               "mismatch ({}, {})",
               base::quoted(host_path), wanted, type);
  }
  node["type"] = type;
  if (*type == 'p') return;
  node["major"] = gnu_dev_major(file.st_rdev);
  node["minor"] = gnu_dev_minor(file.st_rdev);
}

void add_node(JsonObject& spec, const JsonObject& given) {
  JsonObject node = given;
  const std::string host_path(
      base::text_at(given, given.contains("hostPath") ? "hostPath" : "path"));
  const std::string access(base::text_at(given, "permissions"));
  node.erase("hostPath");
  node.erase("permissions");
  fill_from_host(node, host_path);
  // As the process that will use it, where the file names nobody.
  const JsonObject& user = object_in(object_in(spec, "process"), "user");
  for (const char* id : {"uid", "gid"}) {
    if (!node.contains(id) && user.contains(id)) node[id] = user.at(id);
  }
  JsonObject& linux_part = object_in(spec, "linux");
  if (const std::string_view type = base::text_at(node, "type"); type != "p") {
    JsonObject rule;
    rule["allow"] = true;
    rule["type"] = type;
    rule["major"] = node.at("major");
    rule["minor"] = node.at("minor");
    rule["access"] = access.empty() ? "rwm" : access;
    array_in(object_in(linux_part, "resources"), "devices").push_back(std::move(rule));
  }
  replace(array_in(linux_part, "devices"), "path", std::move(node));
}

void add_mount(JsonObject& spec, const JsonObject& given) {
  JsonObject mount;
  mount["destination"] = given.at("containerPath");
  mount["source"] = given.at("hostPath");
  const std::string_view type = base::text_at(given, "type");
  mount["type"] = type.empty() ? "bind" : type;
  JsonArray options = list_at(given, "options");
  if (options.empty() && type.empty()) options = {"rbind", "rprivate"};
  mount["options"] = std::move(options);
  replace(array_in(spec, "mounts"), "destination", std::move(mount));
}

void add_hook(JsonObject& spec, const JsonObject& given) {
  JsonObject hook = given;
  const std::string stage(base::text_at(given, "hookName"));
  hook.erase("hookName");
  array_in(object_in(spec, "hooks"), stage).push_back(std::move(hook));
}

void add_groups(JsonObject& spec, const JsonArray& groups) {
  JsonObject& user = object_in(object_in(spec, "process"), "user");
  JsonArray& own = array_in(user, "additionalGids");
  for (const Json& group : groups) {
    const auto number = group.to_number<std::int64_t>();
    const bool there = std::any_of(own.begin(), own.end(), [&](const Json& each) {
      return each.to_number<std::int64_t>() == number;
    });
    if (number != 0 && !there) own.push_back(group);
  }
}

void apply(JsonObject& spec, const JsonObject& edits) {
  add_environment(spec, list_at(edits, "env"));
  for (const Json& node : list_at(edits, "deviceNodes")) add_node(spec, node.get_object());
  for (const Json& mount : list_at(edits, "mounts")) add_mount(spec, mount.get_object());
  for (const Json& hook : list_at(edits, "hooks")) add_hook(spec, hook.get_object());
  add_groups(spec, list_at(edits, "additionalGids"));
  if (const Json* rdt = edits.if_contains("intelRdt"); rdt && rdt->is_object()) {
    object_in(spec, "linux")["intelRdt"] = *rdt;
  }
}

/// A mount below another has to come after it.
void sort_mounts(JsonObject& spec) {
  JsonArray& mounts = array_in(spec, "mounts");
  const auto depth = [](const Json& mount) {
    const std::string_view path = base::text_at(mount.get_object(), "destination");
    return path == "/" ? 0 : std::count(path.begin(), path.end(), '/');
  };
  std::stable_sort(mounts.begin(), mounts.end(),
                   [&](const Json& a, const Json& b) { return depth(a) < depth(b); });
}

}  // namespace

void check_cdi_edits(const Json& edits) {
  if (!edits.is_object()) bad("containerEdits is no object");
  const JsonObject& object = edits.get_object();
  for (const auto& [key, value] : object) {
    const std::string_view name = key;
    if (const auto shape = kShapes.find(name); shape != kShapes.end()) {
      for (const Json& entry : list_at(object, name)) check_entry(name, entry);
    } else if (name == "env") {
      check_texts(object, name);
      for (const Json& entry : list_at(object, name)) {
        if (std::string_view(entry.get_string()).find('=') < 1 ||
            std::string_view(entry.get_string()).find('=') == std::string_view::npos) {
          bad(fmt::format("invalid environment variable {}", base::quoted(entry.get_string())));
        }
      }
    } else if (name == "additionalGids") {
      for (const Json& group : list_at(object, name)) {
        if (!group.is_int64() || group.get_int64() < 0 || group.get_int64() > UINT32_MAX) {
          bad("additionalGids has an entry that is no group");
        }
      }
    } else if (name != "intelRdt") {
      bad(fmt::format("unknown field {} of containerEdits", base::quoted(name)));
    }
  }
}

void inject_cdi(JsonObject& spec, const CdiCatalog& catalog,
                const std::vector<std::string>& names) {
  std::vector<std::string> missing;
  for (const std::string& name : names) {
    if (!catalog.devices.contains(name)) missing.push_back(name);
  }
  if (!missing.empty()) {
    base::fail(Kind::Internal, "CDI device injection failed: unresolvable CDI devices {}",
               base::join(missing, ", "));
  }
  std::set<const CdiFile*> begun;
  for (const std::string& name : names) {
    const CdiDevice& device = catalog.devices.at(name);
    if (begun.insert(device.file.get()).second) apply(spec, device.file->edits);
    apply(spec, device.edits);
  }
  sort_mounts(spec);
}

}  // namespace wharf::container
