#include "container/seccomp.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/utsname.h>

#include <cstdio>

#include "base/arena.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/strings.h"
#include "container/capabilities.h"
#include "os/file.h"
#include "os/seccomp.h"

namespace wharf::container {

namespace {

using base::Json;
using base::JsonArray;
using base::JsonObject;
using base::Kind;
using Names = std::vector<std::string>;

constexpr std::size_t kProfileLimit = 4 << 20;
constexpr const char* kMachine = "amd64";

[[noreturn]] void bad(const std::string& why) {
  base::fail(Kind::InvalidArgument, "Decoding seccomp profile failed: {}", why);
}

const JsonArray* list_at(const JsonObject& object, const char* name) {
  const Json* found = base::find(object, name);
  if (!found || found->is_null()) return nullptr;
  if (!found->is_array()) bad(fmt::format("{} is not a list", name));
  return &found->get_array();
}

bool lists_any(const JsonArray& list, const Names& names) {
  return std::any_of(list.begin(), list.end(), [&](const Json& each) {
    return each.is_string() && std::find(names.begin(), names.end(),
                                         std::string_view(each.get_string())) != names.end();
  });
}

bool lists_all(const JsonArray& list, const Names& names) {
  return std::all_of(list.begin(), list.end(), [&](const Json& each) {
    return each.is_string() && std::find(names.begin(), names.end(),
                                         std::string_view(each.get_string())) != names.end();
  });
}

/// "4.8" against the kernel that runs.
bool kernel_at_least(std::string_view wanted) {
  ::utsname name{};
  ::uname(&name);
  int have[2] = {}, want[2] = {};
  if (std::sscanf(name.release, "%d.%d", &have[0], &have[1]) != 2) return false;
  if (std::sscanf(std::string(wanted).c_str(), "%d.%d", &want[0], &want[1]) != 2) {
    bad(fmt::format("invalid kernel version {}", base::quoted(wanted)));
  }
  return std::pair(have[0], have[1]) >= std::pair(want[0], want[1]);
}

const JsonObject* object_at(const JsonObject& object, const char* name) {
  const Json* found = base::find(object, name);
  return found && found->is_object() ? &found->get_object() : nullptr;
}

bool holds(const JsonObject& rule, const Names& capabilities) {
  const Names machine = {kMachine};
  if (const JsonObject* includes = object_at(rule, "includes")) {
    const JsonArray* caps = list_at(*includes, "caps");
    if (caps && !lists_all(*caps, capabilities)) return false;
    const JsonArray* arches = list_at(*includes, "arches");
    if (arches && !arches->empty() && !lists_any(*arches, machine)) return false;
    const std::string_view kernel = base::text_at(*includes, "minKernel");
    if (!kernel.empty() && !kernel_at_least(kernel)) return false;
  }
  if (const JsonObject* excludes = object_at(rule, "excludes")) {
    const JsonArray* caps = list_at(*excludes, "caps");
    if (caps && lists_any(*caps, capabilities)) return false;
    const JsonArray* arches = list_at(*excludes, "arches");
    if (arches && lists_any(*arches, machine)) return false;
    const std::string_view kernel = base::text_at(*excludes, "minKernel");
    if (!kernel.empty() && kernel_at_least(kernel)) return false;
  }
  return true;
}

JsonObject resolved_rule(const JsonObject& rule) {
  JsonObject out;
  if (const JsonArray* names = list_at(rule, "names"); names && !names->empty()) {
    out["names"] = *names;
  } else if (const std::string_view name = base::text_at(rule, "name"); !name.empty()) {
    // Docker: the older form, one call per entry.
    out["names"] = JsonArray{Json(boost::json::string(name))};
  } else {
    out["names"] = JsonArray{};
  }
  for (const char* key : {"action", "errnoRet", "args"}) {
    const Json* value = base::find(rule, key);
    if (value && !value->is_null()) out[key] = *value;
  }
  return out;
}

JsonArray architectures(const JsonObject& profile) {
  if (const JsonArray* plain = list_at(profile, "architectures"); plain && !plain->empty()) {
    return *plain;
  }
  JsonArray list;
  const JsonArray* map = list_at(profile, "archMap");
  if (!map) return list;
  for (const Json& entry : *map) {
    if (!entry.is_object()) bad("archMap has an entry that is no object");
    if (base::text_at(entry.get_object(), "architecture") != "SCMP_ARCH_X86_64") continue;
    list.push_back("SCMP_ARCH_X86_64");
    if (const JsonArray* more = list_at(entry.get_object(), "subArchitectures")) {
      for (const Json& each : *more) list.push_back(each);
    }
  }
  return list;
}

os::Fd sealed(std::string_view bytes) {
  os::Fd file(os::check(WHARF_CALL(memfd_create, "wharf-seccomp", MFD_CLOEXEC | MFD_ALLOW_SEALING),
                        "make a file for a seccomp filter"));
  os::write_all(file, bytes);
  os::check(WHARF_CALL(fcntl, file.get(), F_ADD_SEALS,
                       F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL),
            "seal a seccomp filter");
  return file;
}

}  // namespace

Json resolve_seccomp(const Json& profile, const Names& capabilities) {
  if (!profile.is_object()) bad("it is not an object");
  const JsonObject& object = profile.get_object();
  JsonObject out;
  for (const char* key :
       {"defaultAction", "defaultErrnoRet", "flags", "listenerPath", "listenerMetadata"}) {
    const Json* value = base::find(object, key);
    if (value && !value->is_null()) out[key] = *value;
  }
  if (JsonArray list = architectures(object); !list.empty()) out["architectures"] = std::move(list);
  JsonArray rules;
  if (const JsonArray* list = list_at(object, "syscalls")) {
    for (const Json& rule : *list) {
      if (!rule.is_object()) bad("syscalls has an entry that is no object");
      if (holds(rule.get_object(), capabilities)) rules.push_back(resolved_rule(rule.get_object()));
    }
  }
  out["syscalls"] = std::move(rules);
  return out;
}

SeccompFilters::SeccompFilters(const std::string& daemon_profile)
    : daemon_profile_(daemon_profile) {
  if (daemon_profile_.empty() || daemon_profile_ == "builtin") {
    daemon_profile_ = std::string(default_seccomp_profile());
  } else if (daemon_profile_ != "unconfined") {
    daemon_profile_ = os::read_file(daemon_profile_, kProfileLimit);
  }
}

SeccompFilter SeccompFilters::compiled(std::string_view profile, const Names& capabilities) {
  const std::string key =
      base::Sha256::of(std::string(profile) + '\0' + base::join(capabilities, ",")).text();
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = filters_.find(key); found != filters_.end()) {
      return {found->second.duplicate(), nullptr};
    }
  }
  Json parsed;
  try {
    parsed = base::parse_json(profile);
  } catch (const base::Error& error) {
    bad(error.what());
  }
  Json resolved = resolve_seccomp(parsed, capabilities);
  std::string text = base::to_text(resolved);
  base::Arena arena(64 << 20);
  os::SeccompFilter filter;
  base::Failure failure;
  if (!os::compile_seccomp(arena, std::span<char>(text), filter, failure)) {
    bad(std::string(failure.text.view()));
  }
  if (filter.flags != 0) return {os::Fd(), std::move(resolved)};
  os::Fd file =
      sealed({reinterpret_cast<const char*>(filter.code.data()), filter.code.size_bytes()});
  os::Fd copy = file.duplicate();
  const std::lock_guard lock(mutex_);
  if (filters_.size() >= kKept) filters_.clear();
  filters_.insert_or_assign(key, std::move(file));
  return {std::move(copy), nullptr};
}

SeccompFilter SeccompFilters::filter(const api::HostConfig& host, const SecurityOptions& security) {
  std::string_view profile = security.seccomp;
  // Docker: a privileged container has a filter only where one was asked for.
  if (profile.empty() && host.privileged) return {};
  if (profile.empty()) profile = daemon_profile_;
  if (profile == "builtin") profile = default_seccomp_profile();
  if (profile == "unconfined") return {};
  return compiled(profile, effective_capabilities(host));
}

}  // namespace wharf::container
