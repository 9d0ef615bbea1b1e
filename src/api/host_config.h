// How a container is set on its host (swagger HostConfig and Resources).
//
// Plain values; effects and limits of every field: reference/hostconfig.md, 2 to 5.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/container_config.h"
#include "api/mount.h"

namespace wharf::api {

struct LogConfig {
  std::string type;  ///< "" is the daemon's default.
  StringMap config;
  auto operator<=>(const LogConfig&) const = default;
};

struct PortBinding {
  std::string host_ip;
  std::string host_port;  ///< "", "8080" or "8000-8010".
  auto operator<=>(const PortBinding&) const = default;
};
/// By "80/tcp".
using PortBindings = std::map<std::string, std::optional<std::vector<PortBinding>>>;

struct RestartPolicy {
  std::string name;  ///< no, always, unless-stopped, on-failure.
  std::int64_t maximum_retry_count = 0;
  auto operator<=>(const RestartPolicy&) const = default;
};

struct WeightDevice {
  std::string path;
  std::uint16_t weight = 0;
  auto operator<=>(const WeightDevice&) const = default;
};

struct ThrottleDevice {
  std::string path;
  std::uint64_t rate = 0;
  auto operator<=>(const ThrottleDevice&) const = default;
};

struct DeviceMapping {
  std::string path_on_host;
  std::string path_in_container;
  std::string cgroup_permissions;
  auto operator<=>(const DeviceMapping&) const = default;
};

struct DeviceRequest {
  std::string driver;
  std::int64_t count = 0;
  Strings device_ids;
  std::optional<std::vector<std::vector<std::string>>> capabilities;
  StringMap options;
  auto operator<=>(const DeviceRequest&) const = default;
};

struct Ulimit {
  std::string name;
  std::int64_t hard = 0;
  std::int64_t soft = 0;
  auto operator<=>(const Ulimit&) const = default;
};

template <class T>
using List = std::optional<std::vector<T>>;

/// The limits: part of HostConfig, and the body of update.
struct Resources {
  std::int64_t cpu_shares = 0;
  std::int64_t memory = 0;
  std::int64_t nano_cpus = 0;
  std::string cgroup_parent;
  std::uint16_t blkio_weight = 0;
  List<WeightDevice> blkio_weight_device;
  List<ThrottleDevice> blkio_device_read_bps;
  List<ThrottleDevice> blkio_device_write_bps;
  List<ThrottleDevice> blkio_device_read_iops;
  List<ThrottleDevice> blkio_device_write_iops;
  std::int64_t cpu_period = 0;
  std::int64_t cpu_quota = 0;
  std::int64_t cpu_realtime_period = 0;
  std::int64_t cpu_realtime_runtime = 0;
  std::string cpuset_cpus;
  std::string cpuset_mems;
  List<DeviceMapping> devices;
  Strings device_cgroup_rules;
  List<DeviceRequest> device_requests;
  std::int64_t kernel_memory = 0;      ///< Docker: refused since 1.42, ignored before.
  std::int64_t kernel_memory_tcp = 0;  ///< Docker: as kernel_memory.
  std::int64_t memory_reservation = 0;
  std::int64_t memory_swap = 0;
  std::optional<std::int64_t> memory_swappiness;
  std::optional<bool> oom_kill_disable;
  std::optional<std::int64_t> pids_limit;
  List<Ulimit> ulimits;
  std::int64_t cpu_count = 0;
  std::int64_t cpu_percent = 0;
  std::uint64_t io_maximum_iops = 0;
  std::uint64_t io_maximum_bandwidth = 0;

  auto operator<=>(const Resources&) const = default;
};

struct HostConfig : Resources {
  Strings binds;
  std::string container_id_file;
  LogConfig log_config;
  std::string network_mode;
  std::optional<PortBindings> port_bindings;
  RestartPolicy restart_policy;
  bool auto_remove = false;
  std::string volume_driver;
  Strings volumes_from;
  std::vector<std::uint64_t> console_size{0, 0};  ///< Height, width.
  StringMap annotations;
  Strings cap_add;
  Strings cap_drop;
  std::string cgroupns_mode;
  Strings dns;
  Strings dns_options;
  Strings dns_search;
  Strings extra_hosts;
  Strings group_add;
  std::string ipc_mode;
  std::string cgroup;
  Strings links;
  std::int64_t oom_score_adj = 0;
  std::string pid_mode;
  bool privileged = false;
  bool publish_all_ports = false;
  bool readonly_rootfs = false;
  Strings security_opt;
  StringMap storage_opt;
  StringMap tmpfs;
  std::string uts_mode;
  std::string userns_mode;
  std::int64_t shm_size = 0;
  StringMap sysctls;
  std::string runtime;
  std::string isolation;
  List<Mount> mounts;
  Strings masked_paths;
  Strings readonly_paths;
  std::optional<bool> init;

  auto operator<=>(const HostConfig&) const = default;
};

base::Json to_json(const HostConfig& config);
void from_json(const base::Json& json, HostConfig& config);

}  // namespace wharf::api
