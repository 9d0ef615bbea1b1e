#include "api/system.h"

#include "base/fields.h"

namespace wharf::base {

using api::Commit;
using api::Component;
using api::DiscoveredDevice;
using api::Info;
using api::PluginNames;
using api::VersionInfo;

template <>
struct Fields<Commit> {
  static constexpr auto table = std::make_tuple(field("ID", &Commit::id));
};

template <>
struct Fields<DiscoveredDevice> {
  static constexpr auto table = std::make_tuple(field("Source", &DiscoveredDevice::source),
                                                field("ID", &DiscoveredDevice::id));
};

template <>
struct Fields<PluginNames> {
  static constexpr auto table = std::make_tuple(
      field("Volume", &PluginNames::volume), field("Network", &PluginNames::network),
      field("Authorization", &PluginNames::authorization), field("Log", &PluginNames::log));
};

template <>
struct Fields<Info> {
  static constexpr auto table = std::make_tuple(
      field("ID", &Info::id), field("Containers", &Info::containers),
      field("ContainersRunning", &Info::containers_running),
      field("ContainersPaused", &Info::containers_paused),
      field("ContainersStopped", &Info::containers_stopped), field("Images", &Info::images),
      field("Driver", &Info::driver), field("DriverStatus", &Info::driver_status),
      field("Plugins", &Info::plugins), field("MemoryLimit", &Info::memory_limit),
      field("SwapLimit", &Info::swap_limit), field("CpuCfsPeriod", &Info::cpu_cfs_period),
      field("CpuCfsQuota", &Info::cpu_cfs_quota), field("CPUShares", &Info::cpu_shares),
      field("CPUSet", &Info::cpu_set), field("PidsLimit", &Info::pids_limit),
      field("IPv4Forwarding", &Info::ipv4_forwarding), field("Debug", &Info::debug),
      field("NFd", &Info::file_descriptors), field("OomKillDisable", &Info::oom_kill_disable),
      field("NGoroutines", &Info::threads), field("SystemTime", &Info::system_time),
      field("LoggingDriver", &Info::logging_driver), field("CgroupDriver", &Info::cgroup_driver),
      field("CgroupVersion", &Info::cgroup_version, Omit::Empty),
      field("NEventsListener", &Info::events_listeners),
      field("KernelVersion", &Info::kernel_version),
      field("OperatingSystem", &Info::operating_system), field("OSVersion", &Info::os_version),
      field("OSType", &Info::os_type), field("Architecture", &Info::architecture),
      field("IndexServerAddress", &Info::index_server), field("RegistryConfig", &Info::registry),
      field("NCPU", &Info::cpus), field("MemTotal", &Info::memory_bytes),
      field("GenericResources", &Info::generic_resources),
      field("DockerRootDir", &Info::root_directory), field("HttpProxy", &Info::http_proxy),
      field("HttpsProxy", &Info::https_proxy), field("NoProxy", &Info::no_proxy),
      field("Name", &Info::name), field("Labels", &Info::labels),
      field("ExperimentalBuild", &Info::experimental),
      field("ServerVersion", &Info::server_version), field("Runtimes", &Info::runtimes),
      field("DefaultRuntime", &Info::default_runtime), field("Swarm", &Info::swarm),
      field("LiveRestoreEnabled", &Info::live_restore), field("Isolation", &Info::isolation),
      field("InitBinary", &Info::init_binary), field("ContainerdCommit", &Info::containerd_commit),
      field("RuncCommit", &Info::runc_commit), field("InitCommit", &Info::init_commit),
      field("SecurityOptions", &Info::security_options),
      field("DefaultAddressPools", &Info::default_address_pools, Omit::Empty),
      field("FirewallBackend", &Info::firewall_backend, Omit::Empty),
      field("CDISpecDirs", &Info::cdi_directories),
      field("DiscoveredDevices", &Info::discovered_devices, Omit::Empty),
      field("Warnings", &Info::warnings));
};

template <>
struct Fields<Component> {
  static constexpr auto table =
      std::make_tuple(field("Name", &Component::name), field("Version", &Component::version),
                      field("Details", &Component::details, Omit::Empty));
};

template <>
struct Fields<VersionInfo> {
  static constexpr auto table = std::make_tuple(
      field("Components", &VersionInfo::components), field("Version", &VersionInfo::version),
      field("ApiVersion", &VersionInfo::api_version),
      field("MinAPIVersion", &VersionInfo::minimum_api_version),
      field("GitCommit", &VersionInfo::git_commit), field("GoVersion", &VersionInfo::go_version),
      field("Os", &VersionInfo::os), field("Arch", &VersionInfo::architecture),
      field("KernelVersion", &VersionInfo::kernel_version),
      field("Experimental", &VersionInfo::experimental, Omit::Empty),
      field("BuildTime", &VersionInfo::build_time, Omit::Empty));
};

}  // namespace wharf::base

namespace wharf::api {

base::Json to_json(const Info& info, Version version) {
  base::Json json = base::to_json(info);
  base::JsonObject& object = json.get_object();
  if (version < Version{1, 52}) {
    // Docker: fields that lost their meaning stay for clients which read them.
    object["BridgeNfIptables"] = false;
    object["BridgeNfIp6tables"] = false;
    for (const char* commit : {"ContainerdCommit", "RuncCommit", "InitCommit"}) {
      object[commit].get_object()["Expected"] = "";
    }
  }
  if (version < Version{1, 49}) object.erase("FirewallBackend");
  if (version < Version{1, 50}) object.erase("DiscoveredDevices");
  if (version < Version{1, 44}) {
    for (auto& [name, runtime] : object["Runtimes"].get_object())
      runtime.get_object().erase("status");
  }
  return json;
}

base::Json to_json(const VersionInfo& info) {
  base::JsonObject object{{"Platform", base::JsonObject{{"Name", info.platform_name}}}};
  const base::Json rest = base::to_json(info);
  for (const auto& [key, value] : rest.get_object()) object.emplace(key, value);
  return object;
}

std::string go_architecture(std::string_view machine) {
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  if (machine == "i686" || machine == "i386") return "386";
  if (machine.starts_with("armv")) return "arm";
  return std::string(machine);
}

}  // namespace wharf::api
