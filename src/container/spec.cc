#include "container/spec.h"

#include <glob.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"
#include "container/cdi.h"
#include "container/merge.h"

namespace wharf::container {

namespace {

using base::JsonArray;
using base::JsonObject;

JsonObject namespace_of(const char* type, const std::string& path = {}) {
  JsonObject object;
  object["type"] = type;
  if (!path.empty()) object["path"] = path;
  return object;
}

JsonArray namespaces(const SpecInput& input) {
  const api::HostConfig& host = input.record.host;
  JsonArray list;
  list.push_back(namespace_of("mount"));
  if (host.network_mode != "host") list.push_back(namespace_of("network", input.shared.network));
  if (host.uts_mode != "host") list.push_back(namespace_of("uts"));
  if (host.pid_mode != "host") list.push_back(namespace_of("pid", input.shared.pid));
  if (host.ipc_mode != "host") list.push_back(namespace_of("ipc", input.shared.ipc));
  if (host.cgroupns_mode == "private") list.push_back(namespace_of("cgroup"));
  if (!input.user_namespace.empty()) list.push_back(namespace_of("user", input.user_namespace));
  return list;
}

JsonObject sysctls(const SpecInput& input) {
  JsonObject object;
  if (input.own_network) {
    // Docker: every container may bind low ports and send pings in a network of its own.
    object["net.ipv4.ip_unprivileged_port_start"] = "0";
    // In a user namespace not all of these groups are mapped.
    if (input.user_namespace.empty()) object["net.ipv4.ping_group_range"] = "0 2147483647";
  }
  for (const auto& [name, value] :
       input.record.host.sysctls.value_or(api::StringMap::value_type{})) {
    object[name] = value;
  }
  return object;
}

template <class List>
JsonArray throttles(const List& list) {
  JsonArray array;
  if (!list) return array;
  for (const api::ThrottleDevice& device : *list) {
    struct stat there{};
    if (::stat(device.path.c_str(), &there) != 0) {
      throw base::errno_error(errno, "stat " + device.path);
    }
    JsonObject object;
    object["major"] = gnu_dev_major(there.st_rdev);
    object["minor"] = gnu_dev_minor(there.st_rdev);
    object["rate"] = device.rate;
    array.push_back(std::move(object));
  }
  return array;
}

JsonObject memory_limits(const api::HostConfig& host) {
  JsonObject memory;
  if (host.memory > 0) memory["limit"] = host.memory;
  if (host.memory_reservation > 0) memory["reservation"] = host.memory_reservation;
  if (host.memory_swap != 0) memory["swap"] = host.memory_swap < 0 ? -1 : host.memory_swap;
  if (host.memory_swappiness) memory["swappiness"] = *host.memory_swappiness;
  if (host.oom_kill_disable.value_or(false)) memory["disableOOMKiller"] = true;
  return memory;
}

JsonObject cpu_limits(const api::HostConfig& host) {
  JsonObject cpu;
  if (host.cpu_shares > 0) cpu["shares"] = host.cpu_shares;
  if (host.cpu_period > 0) cpu["period"] = host.cpu_period;
  if (host.cpu_quota != 0) cpu["quota"] = host.cpu_quota;
  if (host.nano_cpus > 0) {
    constexpr std::int64_t kPeriod = 100'000;
    cpu["period"] = kPeriod;
    cpu["quota"] = host.nano_cpus * kPeriod / 1'000'000'000;
  }
  if (host.cpu_realtime_period > 0) cpu["realtimePeriod"] = host.cpu_realtime_period;
  if (host.cpu_realtime_runtime > 0) cpu["realtimeRuntime"] = host.cpu_realtime_runtime;
  if (!host.cpuset_cpus.empty()) cpu["cpus"] = host.cpuset_cpus;
  if (!host.cpuset_mems.empty()) cpu["mems"] = host.cpuset_mems;
  return cpu;
}

JsonObject block_io_limits(const api::HostConfig& host) {
  JsonObject block;
  if (host.blkio_weight > 0) block["weight"] = host.blkio_weight;
  const auto put = [&](const char* name, JsonArray list) {
    if (!list.empty()) block[name] = std::move(list);
  };
  put("throttleReadBpsDevice", throttles(host.blkio_device_read_bps));
  put("throttleWriteBpsDevice", throttles(host.blkio_device_write_bps));
  put("throttleReadIOPSDevice", throttles(host.blkio_device_read_iops));
  put("throttleWriteIOPSDevice", throttles(host.blkio_device_write_iops));
  return block;
}

JsonObject limits(const api::HostConfig& host) {
  JsonObject resources;
  if (JsonObject memory = memory_limits(host); !memory.empty())
    resources["memory"] = std::move(memory);
  if (JsonObject cpu = cpu_limits(host); !cpu.empty()) resources["cpu"] = std::move(cpu);
  if (JsonObject block = block_io_limits(host); !block.empty())
    resources["blockIO"] = std::move(block);
  if (host.pids_limit) {
    JsonObject pids;
    pids["limit"] = *host.pids_limit;
    resources["pids"] = std::move(pids);
  }
  return resources;
}

std::vector<std::string> existing_thermal_paths() {
  std::vector<std::string> paths;
  ::glob_t found{};
  if (::glob("/sys/devices/system/cpu/cpu[0-9]*/thermal_throttle", 0, nullptr, &found) == 0) {
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  ::globfree(&found);
  return paths;
}

base::Json strings(const api::Strings& list) {
  JsonArray array;
  for (const std::string& each : list.value_or(std::vector<std::string>{})) {
    array.push_back(base::Json(boost::json::string(each)));
  }
  return array;
}

}  // namespace

bool unified_cgroups() {
  static const bool kUnified = ::access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
  return kUnified;
}

std::string default_cgroup_namespace() {
  return unified_cgroups() ? "private" : "host";
}

std::vector<std::string> default_masked_paths() {
  static const std::vector<std::string> kPaths = [] {
    std::vector<std::string> paths = {"/proc/acpi",
                                      "/proc/asound",
                                      "/proc/interrupts",
                                      "/proc/kcore",
                                      "/proc/keys",
                                      "/proc/latency_stats",
                                      "/proc/sched_debug",
                                      "/proc/scsi",
                                      "/proc/timer_list",
                                      "/proc/timer_stats",
                                      "/sys/devices/virtual/powercap",
                                      "/sys/firmware"};
    for (std::string& path : existing_thermal_paths()) paths.push_back(std::move(path));
    return paths;
  }();
  return kPaths;
}

std::vector<std::string> default_readonly_paths() {
  return {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
}

std::string cgroup_path(const Record& record, const Settings& settings) {
  const std::string& asked = record.host.cgroup_parent;
  if (settings.systemd_cgroups)
    return (asked.empty() ? settings.cgroup_parent : asked) + ":docker:" + record.id;
  const std::string parent = clean_path("/" + (asked.empty() ? settings.cgroup_parent : asked));
  return (parent == "/" ? "" : parent) + "/" + record.id;
}

base::Json build_resources(const api::HostConfig& host) {
  return limits(host);
}

base::Json build_spec(const SpecInput& input) {
  const Record& record = input.record;
  const api::HostConfig& host = record.host;
  Devices devices = build_devices(host);

  JsonObject resources = limits(host);
  resources["devices"] = std::move(devices.rules);

  JsonObject linux_part;
  linux_part["namespaces"] = namespaces(input);
  linux_part["resources"] = std::move(resources);
  linux_part["cgroupsPath"] = cgroup_path(record, input.settings);
  linux_part["maskedPaths"] = strings(host.masked_paths);
  linux_part["readonlyPaths"] = strings(host.readonly_paths);
  if (!devices.nodes.empty()) linux_part["devices"] = std::move(devices.nodes);
  if (JsonObject values = sysctls(input); !values.empty()) linux_part["sysctl"] = std::move(values);

  JsonObject root;
  root["path"] = "rootfs";
  root["readonly"] = host.readonly_rootfs;

  JsonObject spec;
  spec["ociVersion"] = "1.2.0";
  spec["process"] = build_process(input);
  spec["root"] = std::move(root);
  if (host.uts_mode != "host") {
    spec["hostname"] = record.config.hostname;
    if (!record.config.domainname.empty()) spec["domainname"] = record.config.domainname;
  }
  spec["mounts"] = build_mounts(input);
  JsonObject annotations;
  for (const auto& [key, value] : host.annotations.value_or(api::StringMap::value_type{})) {
    annotations[key] = value;
  }
  if (!annotations.empty()) spec["annotations"] = std::move(annotations);
  spec["linux"] = std::move(linux_part);
  apply_device_requests(spec, host, input.settings.cdi_directories);
  return spec;
}

}  // namespace wharf::container
