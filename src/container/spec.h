// The OCI runtime spec of a container: its config.json.
//
// Everything that needs the image's files, the network or the clock is decided before and
// passed in, so that this is a function of its arguments. Plain values; any thread.
#pragma once

#include <string>
#include <vector>

#include "api/exec.h"
#include "base/json.h"
#include "container/checks.h"
#include "container/record.h"
#include "container/settings.h"
#include "container/users.h"

namespace wharf::container {

/// A namespace that is another container's: "/proc/PID/ns/ipc".
struct SharedNamespaces {
  std::string pid;
  std::string ipc;
  std::string network;
  std::string uts;
  std::string user;        ///< Of whoever the others are shared with, where there is one.
  std::string shm_source;  ///< /proc/PID/root/dev/shm of the container whose IPC is shared.
};

struct SpecInput {
  const Record& record;
  const Settings& settings;
  Identity identity;
  SecurityOptions security;
  SharedNamespaces shared;
  bool own_network = false;     ///< A namespace is passed by descriptor.
  std::string files_directory;  ///< Where hostname, hosts and resolv.conf are.
  std::string init_program;     ///< Host path to put before the command, or "".
  std::string user_namespace;   ///< A path, or "" for the host's.
  bool has_tty_group = true;    ///< Whether gid 5 is there for terminals.
};

/// Throws InvalidArgument for what can only be seen now, such as a missing device.
base::Json build_spec(const SpecInput& input);

/// The OCI "process" of an exec, started from the container's own.
base::Json build_exec_process(const Record& record, const Settings& settings,
                              const api::ExecCreateRequest& request, const Identity& identity,
                              const std::string& working_dir);

/// The OCI "linux.resources" of the limits, for update.
base::Json build_resources(const api::HostConfig& host);

/// The cgroup of a container: "/docker/<id>", with systemd "system.slice:docker:<id>".
std::string cgroup_path(const Record& record, const Settings& settings);

bool unified_cgroups();                  ///< v2 alone.
std::string default_cgroup_namespace();  ///< "private" on v2, "host" on v1.
std::vector<std::string> default_masked_paths();
std::vector<std::string> default_readonly_paths();

// Parts of build_spec(), in files of their own.

base::JsonArray build_mounts(const SpecInput& input);
base::JsonObject build_process(const SpecInput& input);
/// linux.devices, and the rules of the device cgroup.
struct Devices {
  base::JsonArray nodes;
  base::JsonArray rules;
};
Devices build_devices(const api::HostConfig& host);

}  // namespace wharf::container
