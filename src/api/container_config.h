// What a container runs: the top level of the create body (swagger ContainerConfig).
//
// Plain values. std::optional around a list or a map is Go's nil: it is written as
// null. Field by field effects: reference/hostconfig.md, section 1.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace wharf::api {

using Strings = std::optional<std::vector<std::string>>;
using StringMap = std::optional<std::map<std::string, std::string>>;

/// Go's struct{}: a set is a map to these, written as {}.
struct Empty {
  auto operator<=>(const Empty&) const = default;
};
using StringSet = std::optional<std::map<std::string, Empty>>;

/// Durations in nanoseconds; 0 is "as the image or the daemon has it".
struct HealthConfig {
  Strings test;  ///< {"NONE"}, {"CMD", args...} or {"CMD-SHELL", line}.
  std::int64_t interval_ns = 0;
  std::int64_t timeout_ns = 0;
  std::int64_t start_period_ns = 0;
  std::int64_t start_interval_ns = 0;
  std::int64_t retries = 0;

  auto operator<=>(const HealthConfig&) const = default;
};

struct ContainerConfig {
  std::string hostname;
  std::string domainname;
  std::string user;
  bool attach_stdin = false;
  bool attach_stdout = false;
  bool attach_stderr = false;
  StringSet exposed_ports;
  bool tty = false;
  bool open_stdin = false;
  bool stdin_once = false;
  Strings env;
  Strings cmd;
  std::optional<HealthConfig> healthcheck;
  bool args_escaped = false;
  std::string image;
  StringSet volumes;
  std::string working_dir;
  Strings entrypoint;
  bool network_disabled = false;
  std::string mac_address;  ///< Docker: an API below 1.52 only; later it is an endpoint's.
  Strings on_build;
  StringMap labels;
  std::string stop_signal;
  std::optional<std::int64_t> stop_timeout;  ///< Seconds; -1 waits for ever.
  Strings shell;

  auto operator<=>(const ContainerConfig&) const = default;
};

base::Json to_json(const ContainerConfig& config);
void from_json(const base::Json& json, ContainerConfig& config);

base::Json to_json(const HealthConfig& config);
void from_json(const base::Json& json, HealthConfig& config);

}  // namespace wharf::api
