#include "container/checks.h"

#include <arpa/inet.h>

#include <charconv>

#include "base/error.h"
#include "base/strings.h"
#include "container/capabilities.h"
#include "container/id_blocks.h"
#include "container/signals.h"
#include "network/request.h"

namespace wharf::container {

namespace {

using base::Kind;
using Lines = std::vector<std::string>;

constexpr std::size_t kHostNameMax = 64;
constexpr std::int64_t kShortestHealthNs = 1'000'000;

void check_health_duration(const char* name, std::int64_t ns) {
  if (ns != 0 && ns < kShortestHealthNs) {
    base::fail(Kind::InvalidArgument, "{} in Healthcheck cannot be less than 1ms", name);
  }
}

void check_healthcheck(const api::HealthConfig& health) {
  check_health_duration("Interval", health.interval_ns);
  check_health_duration("Timeout", health.timeout_ns);
  if (health.retries < 0)
    base::fail(Kind::InvalidArgument, "Retries in Healthcheck cannot be negative");
  check_health_duration("StartPeriod", health.start_period_ns);
  check_health_duration("StartInterval", health.start_interval_ns);
}

void check_extra_hosts(const api::HostConfig& host) {
  for (const std::string& entry : host.extra_hosts.value_or(Lines{})) {
    const std::size_t colon = entry.find(':');
    if (colon == std::string::npos || colon == 0) {
      base::fail(Kind::InvalidArgument, "bad format for add-host: {}", base::quoted(entry));
    }
    std::string address = entry.substr(colon + 1);
    if (address == "host-gateway") continue;
    if (address.starts_with('[') && address.ends_with(']')) {
      address = address.substr(1, address.size() - 2);
    }
    unsigned char bytes[16];
    if (::inet_pton(AF_INET, address.c_str(), bytes) != 1 &&
        ::inet_pton(AF_INET6, address.c_str(), bytes) != 1) {
      base::fail(Kind::InvalidArgument, "invalid IP address in add-host: {}",
                 base::quoted(address));
    }
  }
}

void check_modes(const api::HostConfig& host) {
  const auto bad = [](const char* what, const std::string& mode) {
    base::fail(Kind::InvalidArgument, "invalid {} mode: {}", what, mode);
  };
  const auto names_container = [](const std::string& mode) {
    return mode.starts_with("container:") && mode.size() > std::string_view("container:").size();
  };
  const std::string& pid = host.pid_mode;
  if (!pid.empty() && pid != "host" && !names_container(pid)) bad("PID", pid);
  const std::string& ipc = host.ipc_mode;
  // Docker: "container:" without a name passes here and fails when it is started.
  const bool ipc_known = ipc.empty() || ipc == "none" || ipc == "private" || ipc == "shareable" ||
                         ipc == "host" || ipc.starts_with("container:");
  if (!ipc_known) bad("IPC", ipc);
  if (!host.uts_mode.empty() && host.uts_mode != "host") bad("UTS", host.uts_mode);
  const std::string& cgroup = host.cgroupns_mode;
  if (!cgroup.empty() && cgroup != "host" && cgroup != "private") bad("cgroup namespace", cgroup);
  if (!host.isolation.empty() && host.isolation != "default") {
    base::fail(Kind::InvalidArgument, "invalid isolation ({}): linux only supports 'default'",
               host.isolation);
  }
}

/// A runtime by its name. Ours is the only one; Docker's default name means it as well.
void check_runtime(const api::HostConfig& host) {
  const std::string& name = host.runtime;
  if (name.empty() || name == "runc" || name == "wharf-runtime" ||
      name == "io.containerd.runc.v2") {
    return;
  }
  base::fail(Kind::InvalidArgument, "unknown or invalid runtime name: {}", name);
}

void check_unsupported(const api::HostConfig& host, Warnings& warnings) {
  if (host.storage_opt && !host.storage_opt->empty()) {
    base::fail(Kind::InvalidArgument,
               "--storage-opt is supported only for overlay over xfs with 'pquota' mount option");
  }
  const bool on_host = host.network_mode == "host";
  if (on_host && host.port_bindings && !host.port_bindings->empty()) {
    warnings.push_back("Published ports are discarded when using host network mode");
  }
}

}  // namespace

void check_ports(const api::HostConfig& host) {
  for (const auto& [port, bindings] : host.port_bindings.value_or(api::PortBindings{})) {
    for (const auto& binding : bindings.value_or(std::vector<api::PortBinding>{})) {
      network::check_port_binding({binding.host_ip, binding.host_port});
    }
  }
}

void check_config(const api::ContainerConfig& config) {
  if (config.hostname.size() > kHostNameMax) {
    base::fail(Kind::InvalidArgument, "hostname {} is too long (maximum {} bytes)",
               base::quoted(config.hostname), kHostNameMax);
  }
  for (const std::string& variable : config.env.value_or(Lines{})) {
    if (variable.empty() || variable.front() == '=') {
      base::fail(Kind::InvalidArgument, "invalid environment variable: {}", variable);
    }
  }
  if (!config.stop_signal.empty()) parse_signal(config.stop_signal);
  if (config.healthcheck) check_healthcheck(*config.healthcheck);
}

void check_user_namespace(const api::HostConfig& host, const Settings& settings) {
  const std::string& mode = host.userns_mode;
  if (mode == "host") return;
  // Docker: any other word means what no word means.
  if (!automatic_size(mode) && !settings.remap) return;
  if (host.privileged) {
    base::fail(Kind::InvalidArgument,
               "privileged mode is incompatible with user namespaces.  You must run the container "
               "in the host namespace when running privileged mode");
  }
  if (host.network_mode == "host") {
    base::fail(Kind::InvalidArgument,
               "cannot share the host's network namespace when user namespaces are enabled");
  }
  if (host.pid_mode == "host") {
    base::fail(Kind::InvalidArgument,
               "cannot share the host PID namespace when user namespaces are enabled");
  }
}

void check_restart_policy(const api::RestartPolicy& policy) {
  const bool negative = policy.maximum_retry_count < 0;
  const std::string& name = policy.name;
  if (name == "on-failure") {
    if (negative) {
      base::fail(Kind::InvalidArgument,
                 "invalid restart policy: maximum retry count cannot be negative");
    }
    return;
  }
  if (!name.empty() && name != "no" && name != "always" && name != "unless-stopped") {
    base::fail(Kind::InvalidArgument,
               "invalid restart policy: unknown policy '{}'; use one of 'no', 'always', "
               "'on-failure', or 'unless-stopped'",
               name);
  }
  if (policy.maximum_retry_count == 0) return;
  base::fail(Kind::InvalidArgument,
             "invalid restart policy: maximum retry count can only be used with 'on-failure'{}",
             negative ? " and cannot be negative" : "");
}

bool names_slice(std::string_view cgroup_parent) {
  constexpr std::string_view kSuffix = ".slice";
  return cgroup_parent.size() > kSuffix.size() && cgroup_parent.ends_with(kSuffix);
}

void check_host(api::HostConfig& host, const Settings& settings, Warnings& warnings) {
  const std::string& policy = host.restart_policy.name;
  if (host.auto_remove && !policy.empty() && policy != "no") {
    base::fail(Kind::InvalidArgument, "can't create 'AutoRemove' container with restart policy");
  }
  check_extra_hosts(host);
  check_ports(host);
  check_restart_policy(host.restart_policy);
  checked_capabilities(host.cap_add, "CapAdd");
  checked_capabilities(host.cap_drop, "CapDrop");
  if (host.annotations && host.annotations->contains("")) {
    base::fail(Kind::InvalidArgument,
               "invalid Annotations: the empty string is not permitted as an annotation key");
  }
  check_modes(host);
  check_resources(host, warnings);
  if (host.shm_size < 0) base::fail(Kind::InvalidArgument, "SHM size can not be less than 0");
  if (host.oom_score_adj < -1000 || host.oom_score_adj > 1000) {
    base::fail(Kind::InvalidArgument, "Invalid value {}, range for oom score adj is [-1000, 1000]",
               host.oom_score_adj);
  }
  if (settings.systemd_cgroups && !host.cgroup_parent.empty() && !names_slice(host.cgroup_parent))
    base::fail(Kind::InvalidArgument, "{}", kNoSlice);
  check_runtime(host);
  check_unsupported(host, warnings);
}

}  // namespace wharf::container
