// The field tables of HostConfig and what it holds: for the .cc files of this room that
// write or read it, alone or inside create and inspect bodies.
#pragma once

#include "api/host_config.h"
#include "base/fields.h"

namespace wharf::base {

inline constexpr Omit kOmit = Omit::Empty;

template <>
struct Fields<api::Empty> {
  static constexpr auto table = std::make_tuple();
};

template <>
struct Fields<api::BindOptions> {
  using T = api::BindOptions;
  static constexpr auto table = std::make_tuple(
      field("Propagation", &T::propagation, kOmit), field("NonRecursive", &T::non_recursive, kOmit),
      field("CreateMountpoint", &T::create_mountpoint, kOmit),
      field("ReadOnlyNonRecursive", &T::read_only_non_recursive, kOmit),
      field("ReadOnlyForceRecursive", &T::read_only_force_recursive, kOmit));
};

template <>
struct Fields<api::VolumeDriverConfig> {
  using T = api::VolumeDriverConfig;
  static constexpr auto table =
      std::make_tuple(field("Name", &T::name, kOmit), field("Options", &T::options, kOmit));
};

template <>
struct Fields<api::VolumeOptions> {
  using T = api::VolumeOptions;
  static constexpr auto table = std::make_tuple(
      field("NoCopy", &T::no_copy, kOmit), field("Labels", &T::labels, kOmit),
      field("Subpath", &T::subpath, kOmit), field("DriverConfig", &T::driver_config, kOmit));
};

template <>
struct Fields<api::ImageOptions> {
  static constexpr auto table =
      std::make_tuple(field("Subpath", &api::ImageOptions::subpath, kOmit));
};

template <>
struct Fields<api::TmpfsOptions> {
  using T = api::TmpfsOptions;
  static constexpr auto table =
      std::make_tuple(field("SizeBytes", &T::size_bytes, kOmit), field("Mode", &T::mode, kOmit),
                      field("Options", &T::options, kOmit));
};

template <>
struct Fields<api::Mount> {
  using T = api::Mount;
  static constexpr auto table = std::make_tuple(
      field("Type", &T::type, kOmit), field("Source", &T::source, kOmit),
      field("Target", &T::target, kOmit), field("ReadOnly", &T::read_only, kOmit),
      field("Consistency", &T::consistency, kOmit), field("BindOptions", &T::bind_options, kOmit),
      field("VolumeOptions", &T::volume_options, kOmit),
      field("ImageOptions", &T::image_options, kOmit),
      field("TmpfsOptions", &T::tmpfs_options, kOmit),
      field("ClusterOptions", &T::cluster_options, kOmit));
};

template <>
struct Fields<api::LogConfig> {
  using T = api::LogConfig;
  static constexpr auto table =
      std::make_tuple(field("Type", &T::type), field("Config", &T::config));
};

template <>
struct Fields<api::PortBinding> {
  using T = api::PortBinding;
  static constexpr auto table =
      std::make_tuple(field("HostIp", &T::host_ip), field("HostPort", &T::host_port));
};

template <>
struct Fields<api::RestartPolicy> {
  using T = api::RestartPolicy;
  static constexpr auto table =
      std::make_tuple(field("Name", &T::name), field("MaximumRetryCount", &T::maximum_retry_count));
};

template <>
struct Fields<api::WeightDevice> {
  using T = api::WeightDevice;
  static constexpr auto table =
      std::make_tuple(field("Path", &T::path), field("Weight", &T::weight));
};

template <>
struct Fields<api::ThrottleDevice> {
  using T = api::ThrottleDevice;
  static constexpr auto table = std::make_tuple(field("Path", &T::path), field("Rate", &T::rate));
};

template <>
struct Fields<api::DeviceMapping> {
  using T = api::DeviceMapping;
  static constexpr auto table = std::make_tuple(field("PathOnHost", &T::path_on_host),
                                                field("PathInContainer", &T::path_in_container),
                                                field("CgroupPermissions", &T::cgroup_permissions));
};

template <>
struct Fields<api::DeviceRequest> {
  using T = api::DeviceRequest;
  static constexpr auto table = std::make_tuple(
      field("Driver", &T::driver), field("Count", &T::count), field("DeviceIDs", &T::device_ids),
      field("Capabilities", &T::capabilities), field("Options", &T::options));
};

template <>
struct Fields<api::Ulimit> {
  using T = api::Ulimit;
  static constexpr auto table =
      std::make_tuple(field("Name", &T::name), field("Hard", &T::hard), field("Soft", &T::soft));
};

/// Resources are embedded: their members stand between those of the whole.
inline constexpr auto kResourceFields = [] {
  using T = api::Resources;
  return std::make_tuple(
      field("CpuShares", &T::cpu_shares), field("Memory", &T::memory),
      field("NanoCpus", &T::nano_cpus), field("CgroupParent", &T::cgroup_parent),
      field("BlkioWeight", &T::blkio_weight), field("BlkioWeightDevice", &T::blkio_weight_device),
      field("BlkioDeviceReadBps", &T::blkio_device_read_bps),
      field("BlkioDeviceWriteBps", &T::blkio_device_write_bps),
      field("BlkioDeviceReadIOps", &T::blkio_device_read_iops),
      field("BlkioDeviceWriteIOps", &T::blkio_device_write_iops),
      field("CpuPeriod", &T::cpu_period), field("CpuQuota", &T::cpu_quota),
      field("CpuRealtimePeriod", &T::cpu_realtime_period),
      field("CpuRealtimeRuntime", &T::cpu_realtime_runtime), field("CpusetCpus", &T::cpuset_cpus),
      field("CpusetMems", &T::cpuset_mems), field("Devices", &T::devices),
      field("DeviceCgroupRules", &T::device_cgroup_rules),
      field("DeviceRequests", &T::device_requests), field("KernelMemory", &T::kernel_memory, kOmit),
      field("KernelMemoryTCP", &T::kernel_memory_tcp, kOmit),
      field("MemoryReservation", &T::memory_reservation), field("MemorySwap", &T::memory_swap),
      field("MemorySwappiness", &T::memory_swappiness),
      field("OomKillDisable", &T::oom_kill_disable), field("PidsLimit", &T::pids_limit),
      field("Ulimits", &T::ulimits), field("CpuCount", &T::cpu_count),
      field("CpuPercent", &T::cpu_percent), field("IOMaximumIOps", &T::io_maximum_iops),
      field("IOMaximumBandwidth", &T::io_maximum_bandwidth));
}();

template <>
struct Fields<api::HostConfig> {
  using T = api::HostConfig;
  static constexpr auto table = std::tuple_cat(
      std::make_tuple(
          field("Binds", &T::binds), field("ContainerIDFile", &T::container_id_file),
          field("LogConfig", &T::log_config), field("NetworkMode", &T::network_mode),
          field("PortBindings", &T::port_bindings), field("RestartPolicy", &T::restart_policy),
          field("AutoRemove", &T::auto_remove), field("VolumeDriver", &T::volume_driver),
          field("VolumesFrom", &T::volumes_from), field("ConsoleSize", &T::console_size),
          field("Annotations", &T::annotations, kOmit), field("CapAdd", &T::cap_add),
          field("CapDrop", &T::cap_drop), field("CgroupnsMode", &T::cgroupns_mode),
          field("Dns", &T::dns), field("DnsOptions", &T::dns_options),
          field("DnsSearch", &T::dns_search), field("ExtraHosts", &T::extra_hosts),
          field("GroupAdd", &T::group_add), field("IpcMode", &T::ipc_mode),
          field("Cgroup", &T::cgroup), field("Links", &T::links),
          field("OomScoreAdj", &T::oom_score_adj), field("PidMode", &T::pid_mode),
          field("Privileged", &T::privileged), field("PublishAllPorts", &T::publish_all_ports),
          field("ReadonlyRootfs", &T::readonly_rootfs), field("SecurityOpt", &T::security_opt)),
      std::make_tuple(field("StorageOpt", &T::storage_opt, kOmit), field("Tmpfs", &T::tmpfs, kOmit),
                      field("UTSMode", &T::uts_mode), field("UsernsMode", &T::userns_mode),
                      field("ShmSize", &T::shm_size), field("Sysctls", &T::sysctls, kOmit),
                      field("Runtime", &T::runtime, kOmit), field("Isolation", &T::isolation),
                      field("Mounts", &T::mounts, kOmit), field("MaskedPaths", &T::masked_paths),
                      field("ReadonlyPaths", &T::readonly_paths), field("Init", &T::init, kOmit)),
      kResourceFields);
};

}  // namespace wharf::base
