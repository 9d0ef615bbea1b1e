#include "build/arguments.h"

#include <algorithm>

namespace wharf::build {
namespace {

/// Docker: these need no ARG.
bool is_proxy(std::string_view name) {
  static const std::set<std::string, std::less<>> kProxies = {
      "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY",
      "ftp_proxy",  "NO_PROXY",   "no_proxy",    "ALL_PROXY",   "all_proxy"};
  return kProxies.contains(name);
}

void add_platform(Values& values, const std::string& prefix, const oci::Platform& platform) {
  values[prefix + "PLATFORM"] = platform.text();
  values[prefix + "OS"] = platform.os;
  values[prefix + "ARCH"] = platform.architecture;
  values[prefix + "VARIANT"] = platform.variant;
}

}  // namespace

Arguments::Arguments(Values given, const oci::Platform& target) : given_(std::move(given)) {
  add_platform(platform_, "BUILD", oci::host_platform());
  add_platform(platform_, "TARGET", target);
}

std::optional<std::string> Arguments::value_of(const std::string& name,
                                               const std::optional<std::string>& otherwise) const {
  const auto given = given_.find(name);
  if (given != given_.end() && given->second) return given->second;
  if (otherwise) return otherwise;
  const auto global = global_.find(name);
  if (global != global_.end() && global->second) return global->second;
  const auto platform = platform_.find(name);
  return platform == platform_.end() ? std::nullopt : platform->second;
}

void Arguments::declare_global(const std::string& name, std::optional<std::string> value) {
  used_.insert(name);
  global_[name] = value_of(name, value);
}

void Arguments::declare(const std::string& name, std::optional<std::string> value) {
  used_.insert(name);
  declared_[name] = value_of(name, value);
}

std::optional<std::string> Arguments::get(std::string_view name) const {
  const auto found = declared_.find(name);
  if (found != declared_.end()) return found->second;
  if (!is_proxy(name)) return std::nullopt;
  const auto given = given_.find(name);
  return given == given_.end() ? std::nullopt : given->second;
}

std::optional<std::string> Arguments::get_global(std::string_view name) const {
  const auto found = global_.find(name);
  if (found != global_.end()) return found->second;
  const auto platform = platform_.find(name);
  return platform == platform_.end() ? std::nullopt : platform->second;
}

std::vector<std::string> Arguments::remembered(const std::vector<std::string>& env) const {
  std::vector<std::string> out;
  for (const auto& [name, value] : declared_) {
    if (value && !value_in(env, name)) out.push_back(name + "=" + *value);
  }
  return out;
}

std::vector<std::string> Arguments::environment(const std::vector<std::string>& env) const {
  std::vector<std::string> out = remembered(env);
  for (const auto& [name, value] : given_) {
    const bool alone = is_proxy(name) && !declared_.contains(name);
    if (alone && value && !value_in(env, name)) out.push_back(name + "=" + *value);
  }
  return out;
}

std::vector<std::string> unused_arguments(const Values& given, const std::set<std::string>& used) {
  std::vector<std::string> out;
  for (const auto& [name, value] : given) {
    const bool known = used.contains(name) || is_proxy(name) || name.starts_with("BUILDKIT_");
    if (!known) out.push_back(name);
  }
  return out;
}

std::optional<std::string> value_in(const std::vector<std::string>& env, std::string_view name) {
  for (const std::string& one : env) {
    const bool same =
        one.starts_with(name) && (one.size() == name.size() || one[name.size()] == '=');
    if (same) return one.size() > name.size() ? one.substr(name.size() + 1) : "";
  }
  return std::nullopt;
}

}  // namespace wharf::build
