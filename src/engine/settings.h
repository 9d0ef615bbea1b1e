// What the daemon was told: dockerd's flags and daemon.json, merged and checked.
//
// Values are dockerd's own, with its defaults. Those that SIGHUP can change are read
// through Engine::settings(), which hands out a snapshot. Plain values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/version.h"

namespace wharf::engine {

struct TlsSettings {
  bool enabled = false;  ///< --tls, or implied by --tlsverify.
  bool given = false;    ///< --tls or --tlsverify was said, even with "=false".
  bool verify = false;   ///< --tlsverify: clients must show a certificate of `ca`.
  std::string ca;
  std::string certificate;
  std::string key;
};

struct AddressPool {
  std::string base;  ///< "10.20.0.0/16"
  int size = 0;      ///< Prefix length of each network.
  bool operator==(const AddressPool&) const = default;
};

struct BridgeSettings {
  std::string name;      ///< --bridge: "" is "docker0", "none" is no default network.
  std::string address;   ///< --bip
  std::string address6;  ///< --bip6
  std::string fixed_cidr;
  std::string fixed_cidr6;
  std::string gateway;
  std::string gateway6;
  std::string host_address = "0.0.0.0";  ///< --ip
  bool inter_container = true;           ///< --icc
  bool masquerade = true;                ///< --ip-masq
  bool ipv6 = false;
  int mtu = 1500;
};

struct LogSettings {
  std::string driver = "json-file";
  std::map<std::string, std::string> options;
};

struct ProxySettings {
  std::string http;
  std::string https;
  std::string none;  ///< --no-proxy
};

struct RegistrySettings {
  std::vector<std::string> mirrors;
  std::vector<std::string> insecure;  ///< Beside 127.0.0.0/8 and ::1/128.
  int downloads_at_once = 3;
  int uploads_at_once = 5;
  int download_attempts = 5;
};

struct UlimitSetting {
  std::int64_t soft = 0;
  std::int64_t hard = 0;
};

struct ContainerSettings {
  std::string cgroup_parent;     ///< "" is "/docker", with systemd "system.slice".
  std::string cgroup_driver;     ///< "cgroupfs" or "systemd".
  std::string cgroup_namespace;  ///< --default-cgroupns-mode; "" follows the cgroup version.
  std::string ipc_mode = "private";
  std::int64_t shm_bytes = 64 << 20;
  std::map<std::string, UlimitSetting> ulimits;
  bool init = false;
  std::string init_path;
  bool no_new_privileges = false;
  std::string seccomp_profile = "builtin";
  std::string userns_remap;  ///< "": off.
  int stop_timeout_s = 10;
  std::vector<std::string> dns;
  std::vector<std::string> dns_options;
  std::vector<std::string> dns_search;
  std::vector<std::string> host_gateway;
  std::vector<std::string> cdi_directories = {"/etc/cdi", "/var/run/cdi"};
};

struct Settings {
  std::vector<std::string> hosts;
  std::string config_file = "/etc/docker/daemon.json";
  std::string data_root = "/var/lib/docker";
  std::string exec_root = "/var/run/docker";
  std::string pid_file = "/var/run/docker.pid";
  std::string group = "docker";
  bool group_given = false;
  bool debug = false;
  std::string log_level = "info";
  bool experimental = false;
  bool live_restore = false;
  int shutdown_timeout_s = 15;
  api::Version minimum_api = api::kDefaultMinimum;
  std::vector<std::string> labels;
  std::map<std::string, bool> features;
  std::vector<std::string> storage_options;
  TlsSettings tls;
  BridgeSettings bridge;
  LogSettings logs;
  ProxySettings proxies;
  RegistrySettings registry;
  ContainerSettings containers;
  std::vector<AddressPool> address_pools;
  std::map<std::string, std::map<std::string, std::string>> network_options;
  bool ip_forward = true;
  bool ip_forward_no_drop = false;
  bool packet_filter = true;   ///< --iptables: whether rules are written at all.
  bool packet_filter6 = true;  ///< --ip6tables
};

}  // namespace wharf::engine
