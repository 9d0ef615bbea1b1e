// The table of dockerd's options, and the questions about it.
#include "engine/options.h"

#include <array>

namespace wharf::engine {
namespace {

using enum Shape;
using enum Support;

constexpr Option kOptions[] = {
    // The command line alone.
    {"config-file", '\0', "", Text, Built, "Daemon configuration file", ""},
    {"help", 'h', "", Flag, Built, "Print usage", ""},
    {"validate", '\0', "", Flag, Built, "Validate daemon configuration and exit", ""},
    {"version", 'v', "", Flag, Built, "Print version information and quit", ""},
    {"restart", 'r', "", Flag, Harmless, "Deprecated: use a restart policy of the container",
     "true"},

    // Process, API, TLS.
    {"host", 'H', "hosts", List, Built, "Daemon socket(s) to connect to", ""},
    {"debug", 'D', "debug", Flag, Built, "Enable debug mode", ""},
    {"log-level", 'l', "log-level", Text, Built,
     "Set the logging level (debug, info, warn, error, fatal)", ""},
    {"log-format", '\0', "log-format", Text, Refused, "Set the logging format (text, json)",
     "\"text\""},
    {"raw-logs", '\0', "raw-logs", Flag, Harmless, "Full timestamps without ANSI coloring", ""},
    {"tls", '\0', "tls", Flag, Built, "Use TLS; implied by --tlsverify", ""},
    {"tlsverify", '\0', "tlsverify", Flag, Built, "Use TLS and verify the remote", ""},
    {"tlscacert", '\0', "tlscacert", Text, Built, "Trust certs signed only by this CA", ""},
    {"tlscert", '\0', "tlscert", Text, Built, "Path to TLS certificate file", ""},
    {"tlskey", '\0', "tlskey", Text, Built, "Path to TLS key file", ""},
    {"group", 'G', "group", Text, Built, "Group for the unix socket", ""},
    {"pidfile", 'p', "pidfile", Text, Built, "Path to use for daemon PID file", ""},
    {"data-root", 'g', "data-root", Text, Built, "Root directory of persistent state", ""},
    {"exec-root", '\0', "exec-root", Text, Built, "Root directory for execution state files", ""},
    {"label", '\0', "labels", List, Built, "Set key=value labels to the daemon", ""},
    {"experimental", '\0', "experimental", Flag, Built, "Enable experimental features", ""},
    {"feature", '\0', "features", Switches, Built, "Enable feature in the daemon", ""},
    {"metrics-addr", '\0', "metrics-addr", Text, Refused,
     "Address and port to serve the metrics api on", "\"\""},
    {"shutdown-timeout", '\0', "shutdown-timeout", Number, Built,
     "Set the default shutdown timeout", ""},
    {"default-stop-timeout", '\0', "default-stop-timeout", Number, Built,
     "Default timeout for stopping containers", ""},
    {"", '\0', "min-api-version", Text, Built, "", ""},
    {"http-proxy", '\0', "http-proxy", Text, Built, "HTTP proxy URL to use for outgoing traffic",
     ""},
    {"https-proxy", '\0', "https-proxy", Text, Built, "HTTPS proxy URL to use for outgoing traffic",
     ""},
    {"no-proxy", '\0', "no-proxy", Text, Built, "Comma-separated list of hosts that need no proxy",
     ""},
    {"", '\0', "proxies", Object, Built, "", ""},
    {"", '\0', "deprecated-key-path", Text, Harmless, "", ""},
    {"", '\0', "allow-nondistributable-artifacts", List, Harmless, "", ""},

    // Containers and their security.
    {"add-runtime", '\0', "runtimes", Runtimes, Refused,
     "Register an additional OCI compatible runtime", "{}"},
    {"default-runtime", '\0', "default-runtime", Text, Refused,
     "Default OCI runtime for containers", "\"runc\""},
    {"containerd", '\0', "containerd", Text, Harmless, "containerd grpc address", ""},
    {"containerd-namespace", '\0', "containerd-namespace", Text, Harmless,
     "Containerd namespace to use", ""},
    {"containerd-plugins-namespace", '\0', "containerd-plugin-namespace", Text, Harmless,
     "Containerd namespace to use for plugins", ""},
    {"cri-containerd", '\0', "cri-containerd", Flag, Harmless, "start containerd with cri", ""},
    {"exec-opt", '\0', "exec-opts", List, Built, "Runtime execution options", ""},
    {"cgroup-parent", '\0', "cgroup-parent", Text, Built, "Set parent cgroup for all containers",
     ""},
    {"default-cgroupns-mode", '\0', "default-cgroupns-mode", Text, Built,
     "Default mode for containers cgroup namespace", ""},
    {"default-ipc-mode", '\0', "default-ipc-mode", Text, Built, "Default mode for containers ipc",
     ""},
    {"default-shm-size", '\0', "default-shm-size", Text, Built, "Default shm size for containers",
     ""},
    {"default-ulimit", '\0', "default-ulimits", Ulimits, Built, "Default ulimits for containers",
     ""},
    {"init", '\0', "init", Flag, Built,
     "Run an init in the container to forward signals and reap processes", ""},
    {"init-path", '\0', "init-path", Text, Built, "Path to the docker-init binary", ""},
    {"no-new-privileges", '\0', "no-new-privileges", Flag, Built,
     "Set no-new-privileges by default for new containers", ""},
    {"seccomp-profile", '\0', "seccomp-profile", Text, Built, "Path to seccomp profile", ""},
    {"selinux-enabled", '\0', "selinux-enabled", Flag, Refused, "Enable selinux support", "false"},
    {"userns-remap", '\0', "userns-remap", Text, Built, "User/Group setting for user namespaces",
     ""},
    {"cpu-rt-period", '\0', "cpu-rt-period", Number, Refused,
     "Limit the CPU real-time period in microseconds", "0"},
    {"cpu-rt-runtime", '\0', "cpu-rt-runtime", Number, Refused,
     "Limit the CPU real-time runtime in microseconds", "0"},
    {"live-restore", '\0', "live-restore", Flag, Built,
     "Enable live restore of containers when they are restarted", ""},
    {"cdi-spec-dir", '\0', "cdi-spec-dirs", List, Built, "CDI specification directories to use",
     ""},
    {"nri-opts", '\0', "nri-opts", Pairs, Refused, "Node Resource Interface configuration", "{}"},
    {"rootless", '\0', "rootless", Flag, Refused, "Enable rootless mode", "false"},
    {"authorization-plugin", '\0', "authorization-plugins", List, Refused,
     "Authorization plugins to load", "[]"},

    // Images, registries, builder.
    {"storage-driver", 's', "storage-driver", Text, Built, "Storage driver to use", ""},
    {"storage-opt", '\0', "storage-opts", List, Refused, "Storage driver options", "[]"},
    {"registry-mirror", '\0', "registry-mirrors", List, Built, "Preferred registry mirror", ""},
    {"insecure-registry", '\0', "insecure-registries", List, Built,
     "Enable insecure registry communication", ""},
    {"max-concurrent-downloads", '\0', "max-concurrent-downloads", Number, Built,
     "Set the max concurrent downloads", ""},
    {"max-concurrent-uploads", '\0', "max-concurrent-uploads", Number, Built,
     "Set the max concurrent uploads", ""},
    {"max-download-attempts", '\0', "max-download-attempts", Number, Built,
     "Set the max download attempts for each pull", ""},
    {"", '\0', "builder", Object, Harmless, "", ""},

    // Networks.
    {"bridge", 'b', "bridge", Text, Built, "Attach containers to a network bridge", ""},
    {"bip", '\0', "bip", Text, Built, "IPv4 address for the default bridge", ""},
    {"bip6", '\0', "bip6", Text, Refused, "IPv6 address for the default bridge", "\"\""},
    {"fixed-cidr", '\0', "fixed-cidr", Text, Built, "IPv4 subnet for the default bridge network",
     ""},
    {"fixed-cidr-v6", '\0', "fixed-cidr-v6", Text, Refused,
     "IPv6 subnet for the default bridge network", "\"\""},
    {"default-gateway", '\0', "default-gateway", Text, Built,
     "Default gateway IPv4 address for the default bridge network", ""},
    {"default-gateway-v6", '\0', "default-gateway-v6", Text, Refused,
     "Default gateway IPv6 address for the default bridge network", "\"\""},
    {"icc", '\0', "icc", Flag, Built,
     "Enable inter-container communication for the default bridge network", ""},
    {"ip", '\0', "ip", Text, Built, "Host IP for port publishing from the default bridge network",
     ""},
    {"ip-masq", '\0', "ip-masq", Flag, Built,
     "Enable IP masquerading for the default bridge network", ""},
    {"ipv6", '\0', "ipv6", Flag, Refused, "Enable IPv6 networking for the default bridge network",
     "false"},
    {"mtu", '\0', "mtu", Number, Built, "Set the MTU for the default bridge network", ""},
    {"iptables", '\0', "iptables", Flag, Built, "Enable addition of firewall rules", ""},
    {"ip6tables", '\0', "ip6tables", Flag, Harmless, "Enable addition of ip6tables rules", ""},
    {"ip-forward", '\0', "ip-forward", Flag, Built, "Enable IP forwarding in system configuration",
     ""},
    {"ip-forward-no-drop", '\0', "ip-forward-no-drop", Flag, Built,
     "Do not set the filter-FORWARD policy to DROP", ""},
    {"firewall-backend", '\0', "firewall-backend", Text, Built,
     "Firewall backend to use, iptables or nftables", ""},
    {"userland-proxy", '\0', "userland-proxy", Flag, Harmless,
     "Use userland proxy for loopback traffic", ""},
    {"userland-proxy-path", '\0', "userland-proxy-path", Text, Harmless,
     "Path to the userland proxy binary", ""},
    {"allow-direct-routing", '\0', "allow-direct-routing", Flag, Refused,
     "Allow remote access to published ports on container IP addresses", "false"},
    {"bridge-accept-fwmark", '\0', "bridge-accept-fwmark", Text, Refused,
     "Accept packets with this firewall mark", "\"\""},
    {"default-address-pool", '\0', "default-address-pools", Pools, Built,
     "Default address pools for node specific local networks", ""},
    {"default-network-opt", '\0', "default-network-opts", Options, Refused,
     "Default network options", "{}"},
    {"dns", '\0', "dns", List, Built, "DNS server to use", ""},
    {"dns-opt", '\0', "dns-opts", List, Built, "DNS options to use", ""},
    {"dns-search", '\0', "dns-search", List, Built, "DNS search domains to use", ""},
    {"host-gateway-ip", '\0', "host-gateway-ips", List, Built,
     "IP addresses for host-gateway in --add-host", ""},
    {"network-control-plane-mtu", '\0', "network-control-plane-mtu", Number, Harmless,
     "Network Control plane MTU", ""},
    {"network-diagnostic-port", '\0', "network-diagnostic-port", Number, Refused,
     "TCP port number of the network diagnostic server", "0"},
    {"log-driver", '\0', "log-driver", Text, Built, "Default driver for container logs", ""},
    {"log-opt", '\0', "log-opts", Pairs, Built,
     "Default log driver options for containers (json-file keeps 3 files of 100m unless they say "
     "else)",
     ""},
    {"swarm-default-advertise-addr", '\0', "swarm-default-advertise-addr", Text, Harmless,
     "Set default address or interface for swarm advertised address", ""},
    {"node-generic-resource", '\0', "node-generic-resources", List, Harmless,
     "Advertise user-defined resource", ""},
};

constexpr std::array<std::string_view, 16> kReloadable = {
    "debug",
    "max-concurrent-downloads",
    "max-concurrent-uploads",
    "max-download-attempts",
    "shutdown-timeout",
    "default-stop-timeout",
    "labels",
    "insecure-registries",
    "registry-mirrors",
    "live-restore",
    "features",
    "default-shm-size",
    "runtimes",
    "default-runtime",
    "nri-opts",
    "network-diagnostic-port",
};

template <class Wanted>
const Option* find_option(Wanted wanted) {
  for (const Option& option : kOptions) {
    if (wanted(option)) return &option;
  }
  return nullptr;
}

}  // namespace

std::span<const Option> options() {
  return kOptions;
}

const Option* option_by_flag(std::string_view flag) {
  if (flag.empty()) return nullptr;
  return find_option([&](const Option& option) { return option.flag == flag; });
}

const Option* option_by_letter(char letter) {
  if (letter == '\0') return nullptr;
  return find_option([&](const Option& option) { return option.letter == letter; });
}

const Option* option_by_key(std::string_view key) {
  if (key.empty()) return nullptr;
  return find_option([&](const Option& option) { return option.key == key; });
}

bool reloadable(std::string_view key) {
  return std::ranges::find(kReloadable, key) != kReloadable.end();
}

std::string usage() {
  std::string text =
      "Usage:  dockerd [OPTIONS]\n\nA self-sufficient runtime for containers.\n\nOptions:\n";
  std::vector<const Option*> sorted;
  for (const Option& option : kOptions) {
    if (!option.flag.empty() && !option.help.empty()) sorted.push_back(&option);
  }
  std::ranges::sort(sorted, {}, &Option::flag);
  for (const Option* option : sorted) {
    const std::string letter = option->letter ? fmt::format("-{}, ", option->letter) : "    ";
    text += fmt::format("  {}--{:<32} {}\n", letter, option->flag, option->help);
  }
  return text;
}

}  // namespace wharf::engine
