// Builds the body of POST /containers/create, member by member as Docker's client sends it.
#include <boost/json.hpp>

#include "base/error.h"
#include "base/strings.h"
#include "cli/container_networks.h"
#include "cli/container_options.h"
#include "cli/mounts.h"
#include "cli/option_values.h"
#include "cli/ports.h"
#include "os/file.h"

namespace wharf::cli {
namespace {

using base::Json;
using base::JsonArray;
using base::JsonObject;
using base::Kind;

JsonArray array_of(const std::vector<std::string>& values) {
  JsonArray out;
  for (const std::string& each : values) out.push_back(boost::json::string(each));
  return out;
}

/// Go's nil slice is null.
Json array_or_null(const std::vector<std::string>& values) {
  return values.empty() ? Json(nullptr) : Json(array_of(values));
}

JsonObject map_of(const std::vector<std::string>& pairs) {
  std::map<std::string, std::string> sorted;
  for (const std::string& each : pairs) {
    const std::size_t equals = each.find('=');
    sorted[each.substr(0, equals)] = equals == std::string::npos ? "" : each.substr(equals + 1);
  }
  JsonObject out;
  for (const auto& [key, value] : sorted) out.emplace(key, value);
  return out;
}

JsonObject empty_members(const std::set<std::string>& names) {
  JsonObject out;
  for (const std::string& each : names) out.emplace(each, JsonObject());
  return out;
}

bool attached(const ContainerOptions& o, const char* stream) {
  return std::find(o.attach.begin(), o.attach.end(), stream) != o.attach.end();
}

Json health_check(const ContainerOptions& o) {
  const bool any = !o.health_cmd.empty() || o.health_interval_ns || o.health_timeout_ns ||
                   o.health_start_period_ns || o.health_retries || o.health_start_interval_ns;
  if (o.no_healthcheck) {
    if (any)
      base::fail(Kind::InvalidArgument, "--no-healthcheck conflicts with --health-* options");
    return JsonObject{{"Test", JsonArray{"NONE"}}};
  }
  if (!any) return nullptr;
  JsonObject out;
  if (!o.health_cmd.empty()) out["Test"] = JsonArray{"CMD-SHELL", o.health_cmd};
  const std::tuple<const char*, const char*, std::int64_t> times[] = {
      {"Interval", "--health-interval", o.health_interval_ns},
      {"Timeout", "--health-timeout", o.health_timeout_ns},
      {"StartPeriod", "--health-start-period", o.health_start_period_ns},
      {"StartInterval", "--health-start-interval", o.health_start_interval_ns},
      {"Retries", "--health-retries", o.health_retries}};
  for (const auto& [member, flag, value] : times) {
    if (value < 0) base::fail(Kind::InvalidArgument, "{} cannot be negative", flag);
    if (value) out[member] = value;
  }
  return out;
}

Json restart_policy(const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  std::int64_t count = 0;
  if (colon != std::string::npos) {
    if (name.empty())
      base::fail(Kind::InvalidArgument,
                 "invalid restart policy format: no policy provided before colon");
    try {
      count = parse_integer(text.substr(colon + 1), "Atoi");
    } catch (const UsageError&) {
      base::fail(Kind::InvalidArgument,
                 "invalid restart policy format: maximum retry count must be an integer");
    }
  }
  return JsonObject{{"Name", name}, {"MaximumRetryCount", count}};
}

/// "net_admin" is "CAP_NET_ADMIN"; ALL trumps the others; "RESET" forgets what came before.
std::set<std::string> capability_set(const std::vector<std::string>& given) {
  std::set<std::string> out;
  for (std::string name : given) {
    name = base::trim(name);
    for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    if (name == "RESET") {
      out.clear();
    } else {
      out.insert(name == "ALL" || name.starts_with("CAP_") ? name : "CAP_" + name);
    }
  }
  return out.contains("ALL") ? std::set<std::string>{"ALL"} : out;
}

/// Docker: what is added takes precedence over the same being dropped.
void add_capabilities(JsonObject& host, const ContainerOptions& o) {
  const std::set<std::string> add = capability_set(o.cap_add);
  std::set<std::string> drop = capability_set(o.cap_drop);
  for (const std::string& each : add) drop.erase(each);
  host["CapAdd"] = array_or_null({add.begin(), add.end()});
  host["CapDrop"] = array_or_null({drop.begin(), drop.end()});
}

/// seccomp=FILE carries the file's text; systempaths=unconfined becomes empty path lists.
struct Security {
  std::vector<std::string> options;
  bool unconfined_paths = false;
};

Security security_options(const std::vector<std::string>& given) {
  Security out;
  for (const std::string& each : given) {
    const std::size_t mark = each.find_first_of("=:");
    if (mark == std::string::npos && each != "no-new-privileges") {
      base::fail(Kind::InvalidArgument, "Invalid --security-opt: {}", base::quoted(each));
    }
    const std::string value = mark == std::string::npos ? "" : each.substr(mark + 1);
    if (each == "systempaths=unconfined") {
      out.unconfined_paths = true;
    } else if (each.starts_with("seccomp") && mark == 7 && value != "unconfined" &&
               value != "builtin") {
      std::string text;
      try {
        text = os::read_file(value, 8 << 20);
      } catch (const base::Error& failed) {
        base::fail(Kind::InvalidArgument, "opening seccomp profile ({}) failed: {}", value,
                   base::errno_error(failed.error_number(), "open " + value).what());
      }
      try {
        out.options.push_back("seccomp=" + base::to_text(base::parse_json(text)));
      } catch (const base::Error& failed) {
        base::fail(Kind::InvalidArgument, "compacting json for seccomp profile ({}) failed: {}",
                   value, failed.what());
      }
    } else {
      out.options.push_back(each);
    }
  }
  return out;
}

Json log_config(const ContainerOptions& o) {
  if (o.log_driver == "none" && !o.log_opt.empty()) {
    base::fail(Kind::InvalidArgument, "invalid logging opts for driver none");
  }
  return JsonObject{{"Type", o.log_driver}, {"Config", map_of(o.log_opt)}};
}

Json port_bindings(const Ports& ports) {
  JsonObject out;
  for (const auto& [port, bindings] : ports.bindings) {
    JsonArray list;
    for (const PortBinding& each : bindings) {
      list.push_back(JsonObject{{"HostIp", each.host_ip}, {"HostPort", each.host_port}});
    }
    out.emplace(port, std::move(list));
  }
  return out;
}

template <class Make>
JsonArray list_of(const std::vector<std::string>& values, Make make) {
  JsonArray out;
  for (const std::string& each : values) out.push_back(make(each));
  return out;
}

void check_modes(const ContainerOptions& o) {
  const auto host_or_empty = [](const std::string& mode) { return mode.empty() || mode == "host"; };
  const bool of_container = o.pid.starts_with("container:") && o.pid.size() > 10;
  if (!host_or_empty(o.pid) && !of_container)
    base::fail(Kind::InvalidArgument, "--pid: invalid PID mode");
  if (!host_or_empty(o.uts)) base::fail(Kind::InvalidArgument, "--uts: invalid UTS mode");
  // Docker takes "host" alone; containers of this engine can have ids of their own.
  if (!host_or_empty(o.userns) && !o.userns.starts_with("auto:") && o.userns != "auto")
    base::fail(Kind::InvalidArgument, "--userns: invalid USER mode");
  if (!host_or_empty(o.cgroupns) && o.cgroupns != "private") {
    base::fail(Kind::InvalidArgument, "--cgroupns: invalid CGROUP mode");
  }
  if (!o.mac_address.empty() && !is_mac_address(o.mac_address)) {
    base::fail(Kind::InvalidArgument, "{} is not a valid mac address", o.mac_address);
  }
  for (const std::string& each : o.storage_opt) {
    if (each.find('=') == std::string::npos)
      base::fail(Kind::InvalidArgument, "invalid storage option");
  }
  if (o.memory_swappiness != -1 && (o.memory_swappiness < 0 || o.memory_swappiness > 100)) {
    base::fail(Kind::InvalidArgument, "invalid value: {}. Valid memory swappiness range is 0-100",
               o.memory_swappiness);
  }
}

void add_devices(JsonObject& host, const ContainerOptions& o) {
  JsonArray devices;
  JsonArray requests = o.gpus;
  JsonArray cdi;
  for (const std::string& each : o.devices) {
    checked_device(each);
    if (is_cdi_device(each)) {
      cdi.push_back(boost::json::string(each));
    } else {
      devices.push_back(device_json(each));
    }
  }
  if (!cdi.empty()) {
    requests.push_back(JsonObject{{"Driver", "cdi"},
                                  {"Count", 0},
                                  {"DeviceIDs", cdi},
                                  {"Capabilities", nullptr},
                                  {"Options", nullptr}});
  }
  host["Devices"] = devices;
  host["DeviceCgroupRules"] = array_or_null(o.device_cgroup_rule);
  host["DeviceRequests"] = requests.empty() ? Json(nullptr) : Json(requests);
}

/// One of each name, the last given, in the order of names.
JsonArray ulimits(const ContainerOptions& o) {
  std::map<std::string, Json> by_name;
  for (const std::string& each : o.ulimit)
    by_name[each.substr(0, each.find('='))] = ulimit_json(each);
  JsonArray out;
  for (const auto& each : by_name) out.push_back(each.second);
  return out;
}

void add_resources(JsonObject& host, const ContainerOptions& o) {
  host["CpuShares"] = o.cpu_shares;
  host["Memory"] = o.memory;
  host["NanoCpus"] = o.nano_cpus;
  host["CgroupParent"] = o.cgroup_parent;
  host["BlkioWeight"] = o.blkio_weight;
  host["BlkioWeightDevice"] =
      list_of(o.blkio_weight_device, [](const auto& t) { return throttle_json(t, "Weight"); });
  const auto rate = [](const std::string& text) { return throttle_json(text, "Rate"); };
  host["BlkioDeviceReadBps"] = list_of(o.device_read_bps, rate);
  host["BlkioDeviceWriteBps"] = list_of(o.device_write_bps, rate);
  host["BlkioDeviceReadIOps"] = list_of(o.device_read_iops, rate);
  host["BlkioDeviceWriteIOps"] = list_of(o.device_write_iops, rate);
  host["CpuPeriod"] = o.cpu_period;
  host["CpuQuota"] = o.cpu_quota;
  host["CpuRealtimePeriod"] = o.cpu_rt_period;
  host["CpuRealtimeRuntime"] = o.cpu_rt_runtime;
  host["CpusetCpus"] = o.cpuset_cpus;
  host["CpusetMems"] = o.cpuset_mems;
  add_devices(host, o);
  host["MemoryReservation"] = o.memory_reservation;
  host["MemorySwap"] = o.memory_swap;
  host["MemorySwappiness"] = o.memory_swappiness;
  host["OomKillDisable"] = o.oom_kill_disable;
  host["PidsLimit"] = o.pids_limit;
  host["Ulimits"] = ulimits(o);
  host["CpuCount"] = o.cpu_count;
  host["CpuPercent"] = o.cpu_percent;
  host["IOMaximumIOps"] = o.io_maxiops;
  host["IOMaximumBandwidth"] = o.io_maxbandwidth;
}

JsonObject host_config(const ContainerOptions& o, const Ports& ports, const Volumes& volumes) {
  const Security security = security_options(o.security_opt);
  JsonObject host;
  host["Binds"] = array_or_null(volumes.binds);
  host["ContainerIDFile"] = o.cidfile;
  host["LogConfig"] = log_config(o);
  host["NetworkMode"] = o.networks.empty() ? "default" : o.networks[0].target;
  host["PortBindings"] = port_bindings(ports);
  host["RestartPolicy"] = restart_policy(o.restart);
  host["AutoRemove"] = o.auto_remove;
  host["VolumeDriver"] = o.volume_driver;
  host["VolumesFrom"] = array_or_null(o.volumes_from);
  host["ConsoleSize"] = JsonArray{0, 0};
  if (!o.annotation.empty()) host["Annotations"] = map_of(o.annotation);
  add_capabilities(host, o);
  host["CgroupnsMode"] = o.cgroupns;
  host["Dns"] = array_of(o.dns);
  host["DnsOptions"] = array_of(o.dns_option);
  host["DnsSearch"] = array_of(o.dns_search);
  host["ExtraHosts"] = array_or_null(o.add_host);
  host["GroupAdd"] = array_or_null(o.group_add);
  host["IpcMode"] = o.ipc;
  host["Cgroup"] = "";
  host["Links"] = array_or_null(o.links);
  host["OomScoreAdj"] = o.oom_score_adj;
  host["PidMode"] = o.pid;
  host["Privileged"] = o.privileged;
  host["PublishAllPorts"] = o.publish_all;
  host["ReadonlyRootfs"] = o.read_only;
  host["SecurityOpt"] = array_or_null(security.options);
  if (!o.storage_opt.empty()) host["StorageOpt"] = map_of(o.storage_opt);
  if (!o.tmpfs.empty()) {
    JsonObject tmpfs;
    for (const std::string& each : o.tmpfs) {
      const std::size_t colon = each.find(':');
      tmpfs[each.substr(0, colon)] = colon == std::string::npos ? "" : each.substr(colon + 1);
    }
    host["Tmpfs"] = tmpfs;
  }
  host["UTSMode"] = o.uts;
  host["UsernsMode"] = o.userns;
  host["ShmSize"] = o.shm_size;
  if (!o.sysctl.empty()) host["Sysctls"] = map_of(o.sysctl);
  if (!o.runtime.empty()) host["Runtime"] = o.runtime;
  host["Isolation"] = o.isolation;
  add_resources(host, o);
  if (!o.mounts.empty()) host["Mounts"] = o.mounts;
  host["MaskedPaths"] = security.unconfined_paths ? Json(JsonArray()) : Json(nullptr);
  host["ReadonlyPaths"] = security.unconfined_paths ? Json(JsonArray()) : Json(nullptr);
  if (o.init_given) host["Init"] = o.init;
  return host;
}

}  // namespace

JsonObject container_body(const ContainerOptions& o, const std::vector<std::string>& arguments) {
  check_modes(o);
  const Ports ports = parse_ports(o.publish, o.expose);
  const Volumes volumes = sort_volumes(o.volumes);
  const bool attach_in = o.interactive || attached(o, "stdin");
  JsonObject body;
  body["Hostname"] = o.hostname;
  body["Domainname"] = o.domainname;
  body["User"] = o.user;
  body["AttachStdin"] = attach_in;
  body["AttachStdout"] = o.attach.empty() || attached(o, "stdout");
  body["AttachStderr"] = o.attach.empty() || attached(o, "stderr");
  if (!ports.exposed.empty()) body["ExposedPorts"] = empty_members(ports.exposed);
  body["Tty"] = o.tty;
  body["OpenStdin"] = o.interactive;
  body["StdinOnce"] = o.interactive && attach_in;
  body["Env"] = array_or_null(read_variables(o.env_file, o.env, true));
  body["Cmd"] = array_or_null({arguments.begin() + 1, arguments.end()});
  if (const Json health = health_check(o); !health.is_null()) body["Healthcheck"] = health;
  body["Image"] = arguments[0];
  body["Volumes"] = empty_members({volumes.anonymous.begin(), volumes.anonymous.end()});
  body["WorkingDir"] = o.workdir;
  body["Entrypoint"] = o.entrypoint_given ? Json(array_of({o.entrypoint})) : Json(nullptr);
  body["OnBuild"] = nullptr;
  body["Labels"] = map_of(read_variables(o.label_file, o.labels, false));
  if (!o.stop_signal.empty()) body["StopSignal"] = o.stop_signal;
  if (o.stop_timeout_given) body["StopTimeout"] = o.stop_timeout;
  body["HostConfig"] = host_config(o, ports, volumes);
  body["NetworkingConfig"] = networking(o);
  return body;
}

}  // namespace wharf::cli
