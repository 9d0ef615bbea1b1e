// HostConfig.SecurityOpt and HostConfig.LogConfig.
#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "container/checks.h"
#include "container/containers.h"
#include "os/file.h"
#include "shipping/destination.h"

namespace wharf::container {

namespace {

using base::Kind;

[[noreturn]] void bad_security(int which, const std::string& option) {
  base::fail(Kind::Internal, "invalid --security-opt {}: {}", which, base::quoted(option));
}

/// Go's ParseBool.
std::optional<bool> parse_bool(const std::string& text) {
  static const std::set<std::string> kTrue = {"1", "t", "T", "true", "TRUE", "True"};
  static const std::set<std::string> kFalse = {"0", "f", "F", "false", "FALSE", "False"};
  if (kTrue.contains(text)) return true;
  if (kFalse.contains(text)) return false;
  return std::nullopt;
}

/// Docker applies no profile on a host without AppArmor and says nothing; here whoever asked for
/// one is told, because a container that was to be confined would not be.
std::string checked_apparmor(const std::string& profile) {
  if (profile.empty() || profile == "unconfined") return profile;
  const auto enabled = os::read_file_if_exists("/sys/module/apparmor/parameters/enabled");
  if (enabled && enabled->starts_with('Y')) return profile;
  base::fail(Kind::InvalidArgument,
             "AppArmor profile {} cannot be applied: AppArmor is not enabled on this host",
             base::quoted(profile));
}

void apply_security(SecurityOptions& options, const std::string& option) {
  if (option == "no-new-privileges") {
    options.no_new_privileges = true;
    return;
  }
  if (option == "disable") return;
  // Docker: ':' between name and value is the older form.
  std::size_t at = option.find('=');
  if (at == std::string::npos) at = option.find(':');
  if (at == std::string::npos) bad_security(1, option);
  const std::string name = option.substr(0, at);
  const std::string value = option.substr(at + 1);
  if (name == "label") return;  // SELinux is not enabled: accepted without effect, as Docker does.
  if (name == "apparmor") {
    options.apparmor = checked_apparmor(value);
  } else if (name == "seccomp") {
    options.seccomp = value;
  } else if (name == "no-new-privileges" || name == "writable-cgroups") {
    const auto flag = parse_bool(value);
    if (!flag) bad_security(2, option);
    (name == "no-new-privileges" ? options.no_new_privileges : options.writable_cgroups) = *flag;
  } else {
    bad_security(2, option);
  }
}

using LogOptions = std::map<std::string, std::string>;

const std::set<std::string>& options_of(const std::string& driver) {
  static const std::set<std::string> kJsonFile = {"max-file",     "max-size", "compress",  "labels",
                                                  "labels-regex", "env",      "env-regex", "tag"};
  static const std::set<std::string> kLocal = {"max-file", "max-size", "compress"};
  return driver == "local" ? kLocal : kJsonFile;
}

/// What every driver has: how to write, and the cache that `docker logs` reads.
void check_common_log_options(const LogOptions& options) {
  const std::string mode = shipping::option(options, "mode");
  if (!mode.empty() && mode != "blocking" && mode != "non-blocking") {
    base::fail(Kind::InvalidArgument, "logger: logging mode not supported: {}", mode);
  }
  const auto buffer = options.find("max-buffer-size");
  if (buffer != options.end() && mode != "non-blocking") {
    base::fail(Kind::InvalidArgument,
               "logger: max-buffer-size option is only supported with 'mode=non-blocking'");
  }
  if (buffer != options.end()) {
    try {
      shipping::parse_bytes(buffer->second);
    } catch (const base::Error& error) {
      base::fail(Kind::InvalidArgument, "error parsing option max-buffer-size: {}", error.what());
    }
  }
  const std::string disabled = shipping::option(options, "cache-disabled");
  if (!disabled.empty() && !parse_bool(disabled)) {
    base::fail(Kind::InvalidArgument, "invalid value for option cache-disabled: {}", disabled);
  }
}

LogOptions without_common(LogOptions options) {
  for (const char* name : {"mode", "max-buffer-size", "cache-disabled", "cache-max-size",
                           "cache-max-file", "cache-compress"}) {
    options.erase(name);
  }
  return options;
}

}  // namespace

SecurityOptions parse_security_options(const api::HostConfig& host, const Settings& settings) {
  SecurityOptions options;
  options.no_new_privileges = settings.no_new_privileges;
  for (const std::string& option : host.security_opt.value_or(std::vector<std::string>{})) {
    apply_security(options, option);
  }
  return options;
}

std::vector<std::string> Containers::log_drivers() {
  std::vector<std::string> drivers = shipping::shipping_drivers();
  for (const char* kept : {"json-file", "local", "none"}) drivers.emplace_back(kept);
  std::ranges::sort(drivers);
  return drivers;
}

void check_log_config(const api::LogConfig& config) {
  static const std::set<std::string> kElsewhere = {"gcplogs"};
  const std::string& driver = config.type;
  if (driver == "none") return;
  const LogOptions given = config.config.value_or(LogOptions{});
  check_common_log_options(given);
  if (kElsewhere.contains(driver)) {
    base::fail(Kind::NotImplemented, "logging driver {} is not supported by this engine",
               base::quoted(driver));
  }
  const LogOptions options = without_common(given);
  if (driver != "json-file" && driver != "local") return shipping::check_options(driver, options);
  for (const auto& [name, value] : options) {
    if (options_of(driver).contains(name)) continue;
    if (driver == "local") {
      base::fail(Kind::InvalidArgument, "unknown log opt '{}' for log driver local", name);
    }
    base::fail(Kind::InvalidArgument, "unknown log opt '{}' for json-file log driver", name);
  }
}

}  // namespace wharf::container
