// What the daemon's flags say about containers (reference/daemon.md, sections 1.2 and 1.4).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/host_config.h"
#include "container/id_blocks.h"
#include "os/file.h"
#include "os/user_namespace.h"

namespace wharf::container {

struct Settings {
  os::Path data_root;
  os::Path exec_root;
  bool systemd_cgroups = false;           ///< native.cgroupdriver=systemd
  std::string cgroup_parent = "/docker";  ///< <parent>/<id>, or of systemd the slice.
  std::string cgroup_namespace;  ///< "host", "private" or "": as the cgroup version has it.
  std::string ipc_mode = "private";
  std::int64_t shm_bytes = 64 << 20;
  std::map<std::string, api::Ulimit> ulimits;
  bool init = false;
  std::string init_path;  ///< "": looked for as docker-init or tini.
  bool no_new_privileges = false;
  std::string seccomp_profile = "builtin";  ///< builtin, unconfined, or the path of a profile.
  int stop_timeout_s = 10;
  std::string log_driver = "json-file";
  std::map<std::string, std::string> log_options;
  std::vector<std::string> cdi_directories;  ///< Empty: no CDI.
  std::vector<std::string> dns, dns_search, dns_options;
  std::optional<os::IdMaps> remap;  ///< --userns-remap: what every container has, unless it says.
  std::vector<IdBlock> id_pool;     ///< For UsernsMode "auto".
};

}  // namespace wharf::container
