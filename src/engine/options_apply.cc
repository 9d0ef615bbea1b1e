// From what was given to Settings: one row per option.
#include <charconv>

#include "base/error.h"
#include "base/strings.h"
#include "container/checks.h"
#include "engine/host.h"
#include "engine/options.h"

namespace wharf::engine {
namespace {

using base::fail;
using base::Json;
using base::Kind;

std::string text(const Json& value) {
  return value.is_string() ? std::string(value.get_string()) : std::string();
}

std::vector<std::string> texts(const Json& value) {
  std::vector<std::string> list;
  for (const Json& element : value.get_array()) list.push_back(text(element));
  return list;
}

int number(const Json& value) {
  boost::system::error_code failed;
  const int read = value.to_number<int>(failed);
  if (failed) fail(Kind::InvalidArgument, "invalid number: {}", base::to_text(value));
  return read;
}

int positive(const Json& value, std::string_view what) {
  const int read = number(value);
  if (read <= 0) fail(Kind::InvalidArgument, "invalid {}: {}", what, read);
  return read;
}

/// "64m", "1.5g", 67108864 (units.RAMInBytes).
std::int64_t bytes(const Json& value) {
  if (value.is_number()) return value.to_number<std::int64_t>();
  const std::string given = base::lower(text(value));
  double amount = 0;
  const auto read = std::from_chars(given.data(), given.data() + given.size(), amount);
  const std::string_view unit =
      base::trim(std::string_view(given).substr(static_cast<std::size_t>(read.ptr - given.data())));
  constexpr std::string_view kUnits = "bkmgtp";
  const std::size_t power = unit.empty() ? 0 : kUnits.find(unit[0]);
  const std::string_view tail = unit.empty() ? unit : unit.substr(1);
  const bool known = tail.empty() || tail == "b" || tail == "ib";
  if (read.ec != std::errc() || power == std::string_view::npos || !known || amount < 0) {
    fail(Kind::InvalidArgument, "invalid size: '{}'", text(value));
  }
  for (std::size_t i = 0; i < power; ++i) amount *= 1024;
  return static_cast<std::int64_t>(amount);
}

std::map<std::string, std::string> pairs(const Json& value) {
  std::map<std::string, std::string> map;
  for (const auto& [key, element] : value.get_object()) {
    map[std::string(key)] = element.is_string() ? text(element) : base::to_text(element);
  }
  return map;
}

void set_labels(Settings& settings, const Json& value) {
  settings.labels = texts(value);
  for (const std::string& label : settings.labels) {
    if (label.find('=') == std::string::npos || label.starts_with('=')) {
      fail(Kind::InvalidArgument, "bad attribute format: {}", label);
    }
  }
}

void set_minimum_api(Settings& settings, const Json& value) {
  const api::Version version = api::Version::parse(text(value));
  if (version < api::kLowestMinimum || version > api::kMaximum || version.text() != text(value)) {
    fail(Kind::InvalidArgument, "minimum supported API version is {}: {}",
         api::kLowestMinimum.text(), text(value));
  }
  settings.minimum_api = version;
}

void set_log_level(Settings& settings, const Json& value) {
  static constexpr std::string_view kLevels[] = {"debug", "info",  "warn", "error",
                                                 "fatal", "trace", "panic"};
  settings.log_level = text(value);
  if (std::ranges::find(kLevels, settings.log_level) == std::end(kLevels)) {
    fail(Kind::InvalidArgument, "invalid logging level: {}", settings.log_level);
  }
}

void set_exec_options(Settings& settings, const Json& value) {
  for (const std::string& option : texts(value)) {
    const std::size_t equals = option.find('=');
    const std::string name = option.substr(0, equals);
    if (equals == std::string::npos) fail(Kind::InvalidArgument, "invalid exec-opt: {}", option);
    if (name != "native.cgroupdriver")
      fail(Kind::InvalidArgument, "invalid option {}", base::quoted(name));
    const std::string driver = option.substr(equals + 1);
    if (driver != "systemd" && driver != "cgroupfs")
      fail(Kind::InvalidArgument, "native.cgroupdriver option {} not supported", driver);
    settings.containers.cgroup_driver = driver;
  }
}

void set_ulimits(Settings& settings, const Json& value) {
  for (const auto& [name, limit] : value.get_object()) {
    if (!limit.is_object()) fail(Kind::InvalidArgument, "invalid ulimit {}", std::string(name));
    UlimitSetting set;
    if (const Json* soft = base::find(limit.get_object(), "Soft"))
      set.soft = soft->to_number<std::int64_t>();
    if (const Json* hard = base::find(limit.get_object(), "Hard"))
      set.hard = hard->to_number<std::int64_t>();
    if (set.hard != -1 && set.soft > set.hard) {
      fail(Kind::InvalidArgument,
           "ulimit soft limit must be less than or equal to hard limit: {} > {}", set.soft,
           set.hard);
    }
    settings.containers.ulimits[std::string(name)] = set;
  }
}

void set_pools(Settings& settings, const Json& value) {
  for (const Json& pool : value.get_array()) {
    if (!pool.is_object()) fail(Kind::InvalidArgument, "invalid default address pool");
    AddressPool set;
    set.base = std::string(base::text_at(pool.get_object(), "base"));
    if (const Json* size = base::find(pool.get_object(), "size")) set.size = number(*size);
    if (set.base.empty())
      fail(Kind::InvalidArgument, "invalid default address pool: base is missing");
    settings.address_pools.push_back(std::move(set));
  }
}

void set_cdi_directories(Settings& settings, const Json& value) {
  settings.containers.cdi_directories = texts(value);
  // Docker: one empty name means none, and so no CDI.
  std::erase(settings.containers.cdi_directories, "");
}

void set_features(Settings& settings, const Json& value) {
  for (const auto& [name, on] : value.get_object()) {
    if (!on.is_bool())
      fail(Kind::InvalidArgument, "invalid value of feature {}", std::string(name));
    settings.features[std::string(name)] = on.get_bool();
  }
}

void set_choice(std::string& into, const Json& value, std::string_view what,
                std::initializer_list<std::string_view> choices) {
  into = text(value);
  if (std::ranges::find(choices, into) == choices.end()) {
    fail(Kind::InvalidArgument, "{}: invalid value {}", what, base::quoted(into));
  }
}

/// Mirrors are Docker Hub's alone: URLs without path, query or user (daemon.md, section 1.3).
void set_mirrors(Settings& settings, const Json& value) {
  for (const std::string& mirror : texts(value)) {
    const bool web = mirror.starts_with("http://") || mirror.starts_with("https://");
    if (!web)
      fail(Kind::InvalidArgument,
           "invalid mirror: no scheme specified for {}: must use either 'https://' or 'http://'",
           base::quoted(mirror));
    if (mirror.find('@') != std::string::npos)
      fail(Kind::InvalidArgument, "invalid mirror: username/password not allowed in URI");
    if (mirror.find_first_of("?#") != std::string::npos)
      fail(Kind::InvalidArgument, "invalid mirror: query or fragment at end of the URI {}",
           base::quoted(mirror));
    settings.registry.mirrors.push_back(mirror.ends_with('/') ? mirror : mirror + "/");
  }
}

using Setter = void (*)(Settings&, const Json&);
struct Row {
  std::string_view key;
  Setter set;
};

constexpr Row kProcessRows[] = {
    {"config-file", [](Settings& s, const Json& v) { s.config_file = text(v); }},
    {"hosts", [](Settings& s, const Json& v) { s.hosts = texts(v); }},
    {"debug", [](Settings& s, const Json& v) { s.debug = v.get_bool(); }},
    {"log-level", set_log_level},
    {"tls",
     [](Settings& s, const Json& v) {
       s.tls.enabled = v.get_bool();
       s.tls.given = true;
     }},
    {"tlsverify",
     [](Settings& s, const Json& v) {
       s.tls.verify = v.get_bool();
       s.tls.given = true;
     }},
    {"tlscacert", [](Settings& s, const Json& v) { s.tls.ca = text(v); }},
    {"tlscert", [](Settings& s, const Json& v) { s.tls.certificate = text(v); }},
    {"tlskey", [](Settings& s, const Json& v) { s.tls.key = text(v); }},
    {"group",
     [](Settings& s, const Json& v) {
       s.group = text(v);
       s.group_given = true;
     }},
    {"pidfile", [](Settings& s, const Json& v) { s.pid_file = text(v); }},
    {"data-root", [](Settings& s, const Json& v) { s.data_root = text(v); }},
    {"exec-root", [](Settings& s, const Json& v) { s.exec_root = text(v); }},
    {"labels", set_labels},
    {"experimental", [](Settings& s, const Json& v) { s.experimental = v.get_bool(); }},
    {"features", set_features},
    {"shutdown-timeout", [](Settings& s, const Json& v) { s.shutdown_timeout_s = number(v); }},
    {"min-api-version", set_minimum_api},
    {"http-proxy", [](Settings& s, const Json& v) { s.proxies.http = text(v); }},
    {"https-proxy", [](Settings& s, const Json& v) { s.proxies.https = text(v); }},
    {"no-proxy", [](Settings& s, const Json& v) { s.proxies.none = text(v); }},
    {"live-restore", [](Settings& s, const Json& v) { s.live_restore = v.get_bool(); }},
    {"storage-driver",
     [](Settings& s, const Json& v) {
       std::string d;
       set_choice(d, v, "storage-driver", {"", "overlay2", "overlayfs"});
       (void)s;
     }},
    {"registry-mirrors", set_mirrors},
    {"insecure-registries", [](Settings& s, const Json& v) { s.registry.insecure = texts(v); }},
    {"max-concurrent-downloads",
     [](Settings& s, const Json& v) {
       s.registry.downloads_at_once = positive(v, "max concurrent downloads");
     }},
    {"max-concurrent-uploads",
     [](Settings& s, const Json& v) {
       s.registry.uploads_at_once = positive(v, "max concurrent uploads");
     }},
    {"max-download-attempts",
     [](Settings& s, const Json& v) {
       s.registry.download_attempts = positive(v, "max download attempts");
     }},
};

constexpr Row kContainerRows[] = {
    {"default-stop-timeout",
     [](Settings& s, const Json& v) { s.containers.stop_timeout_s = number(v); }},
    {"exec-opts", set_exec_options},
    {"cgroup-parent", [](Settings& s, const Json& v) { s.containers.cgroup_parent = text(v); }},
    {"default-cgroupns-mode",
     [](Settings& s, const Json& v) {
       set_choice(s.containers.cgroup_namespace, v, "default-cgroupns-mode",
                  {"", "host", "private"});
     }},
    {"default-ipc-mode",
     [](Settings& s, const Json& v) {
       set_choice(s.containers.ipc_mode, v, "default-ipc-mode", {"private", "shareable"});
     }},
    {"default-shm-size", [](Settings& s, const Json& v) { s.containers.shm_bytes = bytes(v); }},
    {"default-ulimits", set_ulimits},
    {"init", [](Settings& s, const Json& v) { s.containers.init = v.get_bool(); }},
    {"init-path", [](Settings& s, const Json& v) { s.containers.init_path = text(v); }},
    {"no-new-privileges",
     [](Settings& s, const Json& v) { s.containers.no_new_privileges = v.get_bool(); }},
    {"seccomp-profile", [](Settings& s, const Json& v) { s.containers.seccomp_profile = text(v); }},
    {"userns-remap", [](Settings& s, const Json& v) { s.containers.userns_remap = text(v); }},
    {"log-driver", [](Settings& s, const Json& v) { s.logs.driver = text(v); }},
    {"log-opts", [](Settings& s, const Json& v) { s.logs.options = pairs(v); }},
    {"dns", [](Settings& s, const Json& v) { s.containers.dns = texts(v); }},
    {"dns-opts", [](Settings& s, const Json& v) { s.containers.dns_options = texts(v); }},
    {"dns-search", [](Settings& s, const Json& v) { s.containers.dns_search = texts(v); }},
    {"cdi-spec-dirs", set_cdi_directories},
    {"host-gateway-ips", [](Settings& s, const Json& v) { s.containers.host_gateway = texts(v); }},
};

constexpr Row kNetworkRows[] = {
    {"bridge", [](Settings& s, const Json& v) { s.bridge.name = text(v); }},
    {"bip", [](Settings& s, const Json& v) { s.bridge.address = text(v); }},
    {"fixed-cidr", [](Settings& s, const Json& v) { s.bridge.fixed_cidr = text(v); }},
    {"default-gateway", [](Settings& s, const Json& v) { s.bridge.gateway = text(v); }},
    {"icc", [](Settings& s, const Json& v) { s.bridge.inter_container = v.get_bool(); }},
    {"ip", [](Settings& s, const Json& v) { s.bridge.host_address = text(v); }},
    {"ip-masq", [](Settings& s, const Json& v) { s.bridge.masquerade = v.get_bool(); }},
    {"mtu", [](Settings& s, const Json& v) { s.bridge.mtu = positive(v, "default MTU"); }},
    {"iptables", [](Settings& s, const Json& v) { s.packet_filter = v.get_bool(); }},
    {"ip-forward", [](Settings& s, const Json& v) { s.ip_forward = v.get_bool(); }},
    {"ip-forward-no-drop", [](Settings& s, const Json& v) { s.ip_forward_no_drop = v.get_bool(); }},
    // Docker: "iptables" is what dockerd calls its default; the rules of this engine are nftables'
    // with either.
    {"firewall-backend",
     [](Settings&, const Json& v) {
       std::string b;
       set_choice(b, v, "firewall-backend", {"", "iptables", "nftables"});
     }},
    {"default-address-pools", set_pools},
};

void apply(Settings& settings, std::string_view key, const Json& value) {
  for (const std::span<const Row> rows :
       {std::span<const Row>(kProcessRows), std::span<const Row>(kContainerRows),
        std::span<const Row>(kNetworkRows)}) {
    for (const Row& row : rows) {
      if (row.key == key) return row.set(settings, value);
    }
  }
}

/// An option that is not built may still be given with the value that it has anyway.
void refuse_unless_standard(const Option& option, const Json& value) {
  if (base::parse_json(option.standard) == value) return;
  fail(Kind::InvalidArgument, "option {} is not built in this engine yet: only {} is possible",
       option.key.empty() ? option.flag : option.key, option.standard);
}

void check_together(const Settings& settings) {
  constexpr std::size_t kInterfaceName = 15;  // IFNAMSIZ - 1
  if (settings.bridge.name.size() > kInterfaceName) {
    fail(Kind::InvalidArgument, "invalid bridge name {}: longer than {} bytes",
         settings.bridge.name, kInterfaceName);
  }
  if (!settings.bridge.inter_container && !settings.packet_filter) {
    fail(Kind::InvalidArgument,
         "you specified --iptables=false with --icc=false: ICC=false uses iptables to function");
  }
  const bool systemd = settings.containers.cgroup_driver == "systemd";
  const std::string& parent = settings.containers.cgroup_parent;
  if (systemd && !parent.empty() && !container::names_slice(parent))
    fail(Kind::InvalidArgument, "{}", container::kNoSlice);
  if (settings.shutdown_timeout_s < -1)
    fail(Kind::InvalidArgument, "invalid shutdown timeout: {}", settings.shutdown_timeout_s);
}

}  // namespace

Settings to_settings(const Given& given, std::vector<std::string>& warnings) {
  Settings settings;
  if (const char* minimum = ::getenv("DOCKER_MIN_API_VERSION");
      minimum && !given.contains("min-api-version")) {
    set_minimum_api(settings, minimum);
  }
  for (const auto& [key, value] : given) {
    const Option* option = option_by_key(key);
    if (!option) option = option_by_flag(key);
    if (!option) continue;
    if (option->support == Support::Refused) refuse_unless_standard(*option, value);
    if (option->support == Support::Harmless) {
      warnings.push_back(
          fmt::format("option {} is accepted and changes nothing in this engine", key));
    }
    apply(settings, key, value);
  }
  if (settings.tls.verify) settings.tls.enabled = true;
  if (settings.hosts.empty()) settings.hosts.push_back("unix:///var/run/docker.sock");
  if (settings.debug) settings.log_level = "debug";
  std::string& driver = settings.containers.cgroup_driver;
  if (driver.empty()) driver = default_cgroup_driver();
  check_together(settings);
  return settings;
}

}  // namespace wharf::engine
