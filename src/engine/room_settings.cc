#include "engine/room_settings.h"

#include "engine/release.h"
#include "engine/remap.h"

namespace wharf::engine {

container::Settings container_settings(const Settings& settings) {
  const ContainerSettings& given = settings.containers;
  container::Settings made;
  made.data_root = settings.data_root;
  made.exec_root = settings.exec_root;
  made.systemd_cgroups = given.cgroup_driver == "systemd";
  if (made.systemd_cgroups) made.cgroup_parent = "system.slice";
  if (!given.cgroup_parent.empty()) made.cgroup_parent = given.cgroup_parent;
  made.cgroup_namespace = given.cgroup_namespace;
  made.ipc_mode = given.ipc_mode;
  made.shm_bytes = given.shm_bytes;
  for (const auto& [name, limit] : given.ulimits)
    made.ulimits[name] = {name, limit.hard, limit.soft};
  made.init = given.init;
  made.init_path = given.init_path;
  made.no_new_privileges = given.no_new_privileges;
  made.seccomp_profile = given.seccomp_profile;
  made.remap = remapped_ids(given.userns_remap);
  made.id_pool = automatic_pool(read_subordinates("/etc/subuid"), read_subordinates("/etc/subgid"));
  made.stop_timeout_s = given.stop_timeout_s;
  made.log_driver = settings.logs.driver;
  made.log_options = settings.logs.options;
  const auto cdi = settings.features.find("cdi");
  if (cdi == settings.features.end() || cdi->second) made.cdi_directories = given.cdi_directories;
  made.dns = given.dns;
  made.dns_search = given.dns_search;
  made.dns_options = given.dns_options;
  return made;
}

network::Settings network_settings(const Settings& settings) {
  const BridgeSettings& given = settings.bridge;
  network::Settings made;
  // Docker: --bridge names a bridge that somebody made, and excludes --bip. Here one that is
  // missing is made, so that daemons side by side can each have their own.
  if (given.name == "none") {
    made.bridge = given.name;
  } else if (!given.name.empty()) {
    made.default_bridge_name = given.name;
  }
  made.bip = given.address;
  made.fixed_cidr = given.fixed_cidr;
  made.default_gateway = given.gateway;
  made.default_host_ip = given.host_address;
  made.mtu = given.mtu;
  made.icc = given.inter_container;
  made.ip_masquerade = given.masquerade;
  made.ip_forward = settings.ip_forward;
  made.ip_forward_no_drop = settings.ip_forward_no_drop;
  made.firewall = settings.packet_filter;
  for (const AddressPool& pool : settings.address_pools)
    made.address_pools.push_back({pool.base, pool.size});
  made.host_gateway_ips = settings.containers.host_gateway;
  made.dns = settings.containers.dns;
  made.dns_search = settings.containers.dns_search;
  made.dns_options = settings.containers.dns_options;
  made.instance = settings.exec_root;
  return made;
}

registry::Settings registry_settings(const Settings& settings) {
  registry::Settings made;
  made.insecure_registries = settings.registry.insecure;
  made.mirrors = settings.registry.mirrors;
  made.max_concurrent_downloads = settings.registry.downloads_at_once;
  made.max_download_attempts = settings.registry.download_attempts;
  // Docker: /etc/docker has both. Beside another daemon.json are another daemon's certificates.
  made.certs_directory = os::Path(settings.config_file).parent_path() / "certs.d";
  const ProxySettings& proxies = settings.proxies;
  made.proxies = http::ProxyRules{proxies.http, proxies.https, proxies.none}.or_environment();
  made.user_agent = "docker/" + std::string(kVersion);
  return made;
}

}  // namespace wharf::engine
