// What GET /info and GET /version answer. Plain values; one field table each (system.cc).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/version.h"
#include "base/json.h"

namespace wharf::api {

struct Commit {
  std::string id;
};

struct PluginNames {
  std::vector<std::string> volume;
  std::vector<std::string> network;
  std::optional<std::vector<std::string>> authorization;
  std::vector<std::string> log;
};

/// What a driver of devices can give to containers.
struct DiscoveredDevice {
  std::string source;
  std::string id;
};

/// The fields in Docker's order (moby api/types/system.Info).
struct Info {
  std::string id;
  std::int64_t containers = 0;
  std::int64_t containers_running = 0;
  std::int64_t containers_paused = 0;
  std::int64_t containers_stopped = 0;
  std::int64_t images = 0;
  std::string driver = "overlayfs";
  std::vector<std::vector<std::string>> driver_status;
  PluginNames plugins;
  bool memory_limit = false;
  bool swap_limit = false;
  bool cpu_cfs_period = false;
  bool cpu_cfs_quota = false;
  bool cpu_shares = false;
  bool cpu_set = false;
  bool pids_limit = false;
  bool ipv4_forwarding = false;
  bool debug = false;
  std::int64_t file_descriptors = 0;
  bool oom_kill_disable = false;
  std::int64_t threads = 0;
  std::string system_time;
  std::string logging_driver;
  std::string cgroup_driver;
  std::string cgroup_version;
  std::int64_t events_listeners = 0;
  std::string kernel_version;
  std::string operating_system;
  std::string os_version;
  std::string os_type = "linux";
  std::string architecture;
  std::string index_server = "https://index.docker.io/v1/";
  base::Json registry;
  std::int64_t cpus = 0;
  std::int64_t memory_bytes = 0;
  base::Json generic_resources;
  std::string root_directory;
  std::string http_proxy;
  std::string https_proxy;
  std::string no_proxy;
  std::string name;
  std::vector<std::string> labels;
  bool experimental = false;
  std::string server_version;
  base::Json runtimes;
  std::string default_runtime = "runc";
  base::Json swarm;
  bool live_restore = false;
  std::string isolation;
  std::string init_binary = "docker-init";
  Commit containerd_commit;
  Commit runc_commit;
  Commit init_commit;
  std::vector<std::string> security_options;
  base::Json default_address_pools;
  base::Json firewall_backend;
  std::vector<std::string> cdi_directories;
  std::vector<DiscoveredDevice> discovered_devices;
  std::optional<std::vector<std::string>> warnings;
};

/// As `version` of the API shows it: old fields for old clients, new ones only for new clients.
base::Json to_json(const Info& info, Version version);

struct Component {
  std::string name;
  std::string version;
  std::optional<std::map<std::string, std::string>> details;
};

struct VersionInfo {
  std::string platform_name;
  std::vector<Component> components;
  std::string version;
  std::string api_version;
  std::string minimum_api_version;
  std::string git_commit;
  std::string go_version;
  std::string os = "linux";
  std::string architecture;
  std::string kernel_version;
  bool experimental = false;
  std::string build_time;
};

base::Json to_json(const VersionInfo& info);

/// "x86_64" is "amd64": Go's names of architectures.
std::string go_architecture(std::string_view machine);

}  // namespace wharf::api
