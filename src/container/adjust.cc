// What depends on the version of the API, and the defaults of the daemon.
#include <regex>

#include "base/error.h"
#include "base/strings.h"
#include "container/checks.h"
#include "container/spec.h"

namespace wharf::container {

namespace {

using base::Kind;

constexpr const char* kSysctlOption = "com.docker.network.endpoint.sysctls";

bool valid_mac(const std::string& text) {
  static const std::regex kMac("([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}");
  return std::regex_match(text, kMac);
}

/// The endpoint of the network that HostConfig.NetworkMode names.
api::EndpointSettings& main_endpoint(api::CreateRequest& request) {
  if (!request.networking_config) request.networking_config.emplace();
  auto& endpoints = request.networking_config->endpoints_config;
  if (!endpoints) endpoints.emplace();
  auto& endpoint = (*endpoints)[request.host_config->network_mode];
  if (!endpoint) endpoint.emplace();
  return *endpoint;
}

void adjust_mac(api::CreateRequest& request, const api::Version& version, Warnings& warnings) {
  const std::string mac = std::exchange(request.mac_address, "");
  const std::string& mode = request.host_config->network_mode;
  // Docker: since 1.52, and where it is no address, the field is as if it were not there.
  if (mac.empty() || version >= api::Version{1, 52} || !valid_mac(mac)) return;
  if (mode == "host" || mode == "none" || mode.starts_with("container:")) return;
  main_endpoint(request).mac_address = mac;
  if (version >= api::Version{1, 44}) {
    warnings.push_back(
        "The container-wide MacAddress field is now deprecated. It should be specified in "
        "EndpointsConfig instead.");
  }
}

void adjust_sysctls(api::CreateRequest& request, const api::Version& version, Warnings& warnings) {
  static const std::regex kOfInterface("net\\.(ipv4|ipv6|mpls)\\.([^.]+)\\.eth([0-9]+)\\.(.+)");
  api::StringMap& sysctls = request.host_config->sysctls;
  if (!sysctls) return;
  for (auto it = sysctls->begin(); it != sysctls->end();) {
    std::smatch parts;
    if (!std::regex_match(it->first, parts, kOfInterface)) {
      ++it;
      continue;
    }
    if (version >= api::Version{1, 48} || parts[3] != "0") {
      base::fail(Kind::Internal,
                 "interface specific sysctl setting {} must be supplied using driver option '{}'",
                 base::quoted(it->first), kSysctlOption);
    }
    const std::string setting = fmt::format("net.{}.{}.IFNAME.{}={}", parts[1].str(),
                                            parts[2].str(), parts[4].str(), it->second);
    auto& options = main_endpoint(request).driver_opts;
    if (!options) options.emplace();
    std::string& all = (*options)[kSysctlOption];
    all += (all.empty() ? "" : ",") + setting;
    warnings.push_back(fmt::format("Migrated sysctl {} to DriverOpts{{{}:{}}}.",
                                   base::quoted(it->first), base::quoted(kSysctlOption),
                                   base::quoted(all)));
    it = sysctls->erase(it);
  }
}

void adjust_ports(api::HostConfig& host, const api::Version& version, Warnings& warnings) {
  if (!host.port_bindings) host.port_bindings.emplace();
  std::vector<std::string> empty;
  for (auto& [port, bindings] : *host.port_bindings) {
    if (bindings && !bindings->empty()) continue;
    bindings = std::vector<api::PortBinding>{{}};
    empty.push_back(port);
  }
  if (empty.empty() || version < api::Version{1, 52}) return;
  warnings.push_back(fmt::format(
      "Following container port(s) have an empty list of port-bindings: {}. Such bindings will be "
      "discarded in a future version.",
      base::join(empty, ", ")));
}

void adjust_limits(api::HostConfig& host) {
  // Docker: gone from the kernel and from the API; ignored whatever it says.
  host.kernel_memory = 0;
  host.kernel_memory_tcp = 0;
  // Docker: the command line sends -1 where nothing was asked for.
  if (host.memory_swappiness == -1) host.memory_swappiness.reset();
  if (host.pids_limit && *host.pids_limit <= 0) host.pids_limit.reset();
  if (host.memory > 0 && host.memory_swap == 0) host.memory_swap = host.memory * 2;
}

void adjust_mounts(api::HostConfig& host, const api::Version& version) {
  if (version >= api::Version{1, 44} || !host.mounts) return;
  for (api::Mount& mount : *host.mounts) {
    if (!mount.bind_options) continue;
    // Docker: before 1.44 a read-only bind left what is mounted below it writable.
    mount.bind_options->read_only_non_recursive = true;
    mount.bind_options->read_only_force_recursive = false;
  }
}

void rename_default_network(api::CreateRequest& request) {
  if (!request.networking_config || !request.networking_config->endpoints_config) return;
  auto& endpoints = *request.networking_config->endpoints_config;
  if (auto node = endpoints.extract("default")) {
    node.key() = "bridge";
    endpoints.insert(std::move(node));
  }
}

/// Docker: the daemon's options are those of its driver, each unless the container has it; those of
/// the cache go with every driver.
void set_log_defaults(api::LogConfig& config, const Settings& settings) {
  if (config.type.empty()) config.type = settings.log_driver;
  if (!config.config) config.config.emplace();
  for (const auto& [name, value] : settings.log_options) {
    if (config.type == settings.log_driver || name.starts_with("cache-")) {
      config.config->try_emplace(name, value);
    }
  }
}

void set_defaults(api::HostConfig& host, const api::Version& version, const Settings& settings) {
  if (host.network_mode.empty() || host.network_mode == "default") host.network_mode = "bridge";
  if (host.restart_policy.name.empty()) host.restart_policy.name = "no";
  if (host.ipc_mode.empty()) {
    host.ipc_mode = version < api::Version{1, 40} ? "shareable" : settings.ipc_mode;
  }
  if (host.cgroupns_mode.empty()) {
    const std::string own =
        settings.cgroup_namespace.empty() ? default_cgroup_namespace() : settings.cgroup_namespace;
    host.cgroupns_mode = version < api::Version{1, 41} ? "host" : own;
  }
  if (host.shm_size == 0) host.shm_size = settings.shm_bytes;
  if (host.runtime.empty()) host.runtime = "runc";
  set_log_defaults(host.log_config, settings);
  if (host.privileged) return;
  if (!host.masked_paths) host.masked_paths = default_masked_paths();
  if (!host.readonly_paths) host.readonly_paths = default_readonly_paths();
}

}  // namespace

void adjust(api::CreateRequest& request, const api::Version& version, const Settings& settings,
            Warnings& warnings) {
  if (!request.host_config) request.host_config.emplace();
  api::HostConfig& host = *request.host_config;
  if (version < api::Version{1, 43}) host.annotations.reset();
  if (version < api::Version{1, 44} && request.healthcheck) {
    request.healthcheck->start_interval_ns = 0;
  }
  set_defaults(host, version, settings);
  rename_default_network(request);
  adjust_limits(host);
  adjust_ports(host, version, warnings);
  adjust_mounts(host, version);
  adjust_mac(request, version, warnings);
  adjust_sysctls(request, version, warnings);
}

}  // namespace wharf::container
