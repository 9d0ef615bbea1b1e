#include "engine/facts.h"

#include "base/fields.h"
#include "base/strings.h"
#include "container/cdi.h"
#include "engine/engine.h"
#include "engine/release.h"
#include "engine/room_settings.h"

namespace wharf::engine {
namespace {

base::Json strings(const std::vector<std::string>& values) {
  return base::to_json(values);
}

/// "host:port" or a network in CIDR notation, as `docker info` sorts them.
base::Json registry_config(const RegistrySettings& settings) {
  base::JsonArray networks{"::1/128", "127.0.0.0/8"};
  base::JsonObject indexes;
  for (const std::string& insecure : settings.insecure) {
    if (insecure.find('/') != std::string::npos) {
      networks.emplace_back(insecure);
    } else {
      indexes[insecure] = base::JsonObject{{"Name", insecure},
                                           {"Mirrors", base::JsonArray()},
                                           {"Secure", false},
                                           {"Official", false}};
    }
  }
  indexes["docker.io"] = base::JsonObject{{"Name", "docker.io"},
                                          {"Mirrors", strings(settings.mirrors)},
                                          {"Secure", true},
                                          {"Official", true}};
  return base::JsonObject{{"InsecureRegistryCIDRs", std::move(networks)},
                          {"IndexConfigs", std::move(indexes)},
                          {"Mirrors", strings(settings.mirrors)}};
}

base::Json no_swarm() {
  return base::JsonObject{{"NodeID", ""},
                          {"NodeAddr", ""},
                          {"LocalNodeState", "inactive"},
                          {"ControlAvailable", false},
                          {"Error", ""},
                          {"RemoteManagers", nullptr}};
}

base::Json address_pools(const std::vector<AddressPool>& pools) {
  if (pools.empty()) return nullptr;
  base::JsonArray json;
  for (const AddressPool& pool : pools)
    json.push_back(base::JsonObject{{"Base", pool.base}, {"Size", pool.size}});
  return json;
}

/// "http://user:password@proxy" without what is between the slashes and the '@'.
std::string masked(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t at = url.find('@');
  if (scheme == std::string::npos || at == std::string::npos) return url;
  return url.substr(0, scheme + 3) + "xxxxx:xxxxx" + url.substr(at);
}

std::vector<std::string> security_options(const Host& host, const Settings& settings,
                                          bool remaps_ids) {
  std::vector<std::string> options;
  if (host.apparmor) options.push_back("name=apparmor");
  if (host.seccomp)
    options.push_back("name=seccomp,profile=" + settings.containers.seccomp_profile);
  if (remaps_ids) options.push_back("name=userns");
  if (host.cgroup2) options.push_back("name=cgroupns");
  if (settings.containers.no_new_privileges) options.push_back("name=no-new-privileges");
  return options;
}

void add_host(api::Info& info, const Host& host) {
  info.memory_limit = host.memory_limit;
  info.swap_limit = host.swap_limit;
  info.cpu_cfs_period = info.cpu_cfs_quota = host.cpu_cfs;
  info.cpu_shares = host.cpu_shares;
  info.cpu_set = host.cpu_set;
  info.pids_limit = host.pids_limit;
  info.oom_kill_disable = host.oom_kill_disable;
  info.cgroup_version = host.cgroup2 ? "2" : "1";
  info.kernel_version = host.kernel;
  info.operating_system = host.operating_system;
  info.os_version = host.os_version;
  info.architecture = host.machine;
  info.cpus = host.cpus;
  info.memory_bytes = host.memory_bytes;
  info.name = host.name;
}

/// What `--device vendor.com/class=name` can name, and the files that were meant to say more.
void add_devices(api::Info& info, const Settings& settings, std::vector<std::string>& warnings) {
  info.cdi_directories = container_settings(settings).cdi_directories;
  const container::CdiCatalog catalog = container::read_cdi(info.cdi_directories);
  for (const auto& [name, device] : catalog.devices) {
    info.discovered_devices.push_back({"cdi", name});
  }
  for (const std::string& error : catalog.errors) warnings.push_back("CDI: " + error);
}

void add_settings(api::Info& info, const Settings& settings) {
  info.debug = settings.debug;
  info.logging_driver = settings.logs.driver;
  info.cgroup_driver = settings.containers.cgroup_driver;
  info.registry = registry_config(settings.registry);
  info.root_directory = settings.data_root;
  info.http_proxy = masked(settings.proxies.http);
  info.https_proxy = masked(settings.proxies.https);
  info.no_proxy = settings.proxies.none;
  info.labels = settings.labels;
  info.experimental = settings.experimental;
  info.live_restore = settings.live_restore;
  info.default_address_pools = address_pools(settings.address_pools);
}

std::vector<std::string> missing(const Host& host) {
  std::vector<std::string> warnings;
  if (!host.memory_limit) warnings.push_back("WARNING: No memory limit support");
  if (host.memory_limit && !host.swap_limit) warnings.push_back("WARNING: No swap limit support");
  if (!host.cpu_cfs) warnings.push_back("WARNING: No cpu cfs quota support");
  if (!host.cpu_shares) warnings.push_back("WARNING: No cpu shares support");
  if (!host.cpu_set) warnings.push_back("WARNING: No cpuset support");
  if (!host.pids_limit) warnings.push_back("WARNING: No pids limit support");
  if (!host.ipv4_forwarding) warnings.push_back("WARNING: IPv4 forwarding is disabled");
  return warnings;
}

}  // namespace

api::Info info(const Engine& engine) {
  const std::shared_ptr<const Settings> settings = engine.settings();
  const Host host = read_host();  // Forwarding and memory can change while the engine runs.
  api::Info info;
  add_host(info, host);
  add_settings(info, *settings);
  info.id = engine.id;
  const container::Counts counts = engine.containers.count();
  info.containers_running = static_cast<std::int64_t>(counts.running);
  info.containers_paused = static_cast<std::int64_t>(counts.paused);
  info.containers_stopped = static_cast<std::int64_t>(counts.stopped);
  info.containers = info.containers_running + info.containers_paused + info.containers_stopped;
  info.images = static_cast<std::int64_t>(engine.images.catalog().all().size());
  // Docker: Buildx looks for this pair to know that images are kept as containerd keeps them.
  // The second one is ours: unlike dockerd's, logs do not grow until the disk is full.
  info.driver_status = {{"driver-type", "io.containerd.snapshotter.v1"},
                        {"json-file logs", "3 files of 100m, unless log options say else"}};
  info.plugins.volume = {"local"};
  info.plugins.network = {"bridge", "host", "null"};
  info.plugins.log = container::Containers::log_drivers();
  info.ipv4_forwarding = host.ipv4_forwarding;
  info.file_descriptors = open_descriptors();
  info.threads = running_threads();
  info.system_time = base::rfc3339_nano(base::now());
  info.events_listeners = static_cast<std::int64_t>(engine.events.subscribers());
  info.server_version = std::string(kVersion);
  const base::JsonObject runtime{{"path", "wharf-runtime"}};
  info.runtimes = base::JsonObject{{"runc", runtime}, {"io.containerd.runc.v2", runtime}};
  info.swarm = no_swarm();
  info.runc_commit.id = std::string(kWharfVersion);
  info.containerd_commit.id = std::string(kWharfVersion);
  info.init_commit.id = std::string(kWharfVersion);
  info.security_options = security_options(host, *settings, engine.containers.remaps_ids());
  info.firewall_backend = base::JsonObject{{"Driver", "nftables"}};
  std::vector<std::string> warnings = missing(host);
  add_devices(info, *settings, warnings);
  if (!warnings.empty()) info.warnings = std::move(warnings);
  return info;
}

api::VersionInfo version_info(const Engine& engine) {
  const std::shared_ptr<const Settings> settings = engine.settings();
  api::VersionInfo version;
  version.platform_name = "Wharf";
  version.version = std::string(kVersion);
  version.api_version = api::kMaximum.text();
  version.minimum_api_version = settings->minimum_api.text();
  version.git_commit = std::string(kWharfVersion);
  // Docker: clients print this field; there is no Go here, so it names what the engine is built
  // with.
  version.go_version = fmt::format("g++ {}", __VERSION__);
  version.architecture = api::go_architecture(engine.host.machine);
  version.kernel_version = engine.host.kernel;
  version.experimental = settings->experimental;
  api::Component component{"Engine", version.version,
                           std::map<std::string, std::string>{
                               {"ApiVersion", version.api_version},
                               {"Arch", version.architecture},
                               {"Experimental", settings->experimental ? "true" : "false"},
                               {"GitCommit", version.git_commit},
                               {"GoVersion", version.go_version},
                               {"KernelVersion", version.kernel_version},
                               {"MinAPIVersion", version.minimum_api_version},
                               {"Os", version.os}}};
  version.components.push_back(std::move(component));
  version.components.push_back({"wharf-runtime", std::string(kWharfVersion), std::nullopt});
  return version;
}

}  // namespace wharf::engine
