#include "container/cdi.h"

#include <dirent.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "container/yaml.h"
#include "os/file.h"

namespace wharf::container {

namespace {

using base::Json;
using base::JsonArray;
using base::JsonObject;

[[noreturn]] void bad(const std::string& why) {
  base::fail(base::Kind::InvalidArgument, "{}", why);
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_alphanumeric(char c) {
  return is_letter(c) || (c >= '0' && c <= '9');
}

/// The grammar of the parts of a name: first, middle (with `more`) and last letters.
bool is_part(std::string_view part, bool letter_first, std::string_view more) {
  if (part.empty() || !is_alphanumeric(part.back())) return false;
  if (letter_first ? !is_letter(part.front()) : !is_alphanumeric(part.front())) return false;
  return std::all_of(part.begin(), part.end(), [&](char c) {
    return is_alphanumeric(c) || more.find(c) != std::string_view::npos;
  });
}

void check_kind(std::string_view kind) {
  const std::size_t slash = kind.find('/');
  const bool good = slash != kind.npos && is_part(kind.substr(0, slash), true, "_-.") &&
                    is_part(kind.substr(slash + 1), true, "_-");
  if (!good) bad(fmt::format("invalid kind {}", base::quoted(kind)));
}

void check_fields(const JsonObject& object, std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : object) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      bad(fmt::format("unknown field {}", base::quoted(std::string_view(key))));
    }
  }
}

JsonObject edits_of(const JsonObject& object) {
  const Json* edits = object.if_contains("containerEdits");
  if (edits == nullptr || edits->is_null()) return {};
  check_cdi_edits(*edits);
  return edits->get_object();
}

void check_version(std::string_view version) {
  static const std::set<std::string_view> kKnown = {"0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0",
                                                    "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0"};
  if (version.starts_with('v')) version.remove_prefix(1);
  if (!kKnown.contains(version)) {
    bad(fmt::format("unknown spec version {}", base::quoted(version)));
  }
}

using Found = std::map<std::string, CdiDevice>;

Found read_file(const std::string& path) {
  const std::string text = os::read_file(path, kCdiFileBytes);
  const Json root = path.ends_with(".json") ? base::parse_json(text) : parse_yaml(text);
  if (!root.is_object()) bad("it is no object");
  const JsonObject& object = root.get_object();
  check_fields(object, {"cdiVersion", "kind", "annotations", "devices", "containerEdits"});
  check_version(base::text_at(object, "cdiVersion"));
  const std::string kind(base::text_at(object, "kind"));
  check_kind(kind);
  const auto file = std::make_shared<const CdiFile>(CdiFile{path, edits_of(object)});
  const Json* devices = object.if_contains("devices");
  if (devices == nullptr || !devices->is_array() || devices->get_array().empty()) {
    bad("it has no devices");
  }
  Found found;
  for (const Json& each : devices->get_array()) {
    if (!each.is_object()) bad("a device is no object");
    check_fields(each.get_object(), {"name", "annotations", "containerEdits"});
    const std::string name(base::text_at(each.get_object(), "name"));
    if (!is_part(name, false, "_-.:")) bad(fmt::format("invalid device {}", base::quoted(name)));
    JsonObject edits = edits_of(each.get_object());
    if (edits.empty()) bad(fmt::format("invalid device {}, empty edits", base::quoted(name)));
    if (!found.emplace(kind + "=" + name, CdiDevice{file, std::move(edits)}).second) {
      bad(fmt::format("device {} is there twice", base::quoted(name)));
    }
  }
  return found;
}

std::vector<std::string> files_of(const std::string& directory) {
  std::vector<std::string> files;
  DIR* const open = ::opendir(directory.c_str());
  if (open == nullptr) return files;
  const std::unique_ptr<DIR, int (*)(DIR*)> owner(open, ::closedir);
  while (const dirent* entry = ::readdir(open)) {
    const std::string_view name = entry->d_name;
    const bool counts = name.ends_with(".json") || name.ends_with(".yaml");
    if (counts && files.size() < kCdiFiles) files.push_back(directory + "/" + entry->d_name);
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// What one directory has; devices that two of its files name are errors.
Found read_directory(const std::string& directory, std::vector<std::string>& errors) {
  Found all;
  std::set<std::string> twice;
  for (const std::string& path : files_of(directory)) {
    try {
      for (auto& [name, device] : read_file(path)) {
        const auto [other, fresh] = all.emplace(name, std::move(device));
        if (fresh) continue;
        twice.insert(name);
        errors.push_back(fmt::format("{}: conflicting device {} (also in {})", path,
                                     base::quoted(name), other->second.file->path));
      }
    } catch (const base::Error& error) {
      errors.push_back(fmt::format("{}: {}", path, error.what()));
    }
  }
  for (const std::string& name : twice) all.erase(name);
  return all;
}

}  // namespace

CdiCatalog read_cdi(const std::vector<std::string>& directories) {
  CdiCatalog catalog;
  for (const std::string& directory : directories) {
    for (auto& [name, device] : read_directory(directory, catalog.errors)) {
      catalog.devices.insert_or_assign(name, std::move(device));
    }
  }
  return catalog;
}

}  // namespace wharf::container
