// What this machine is and can do, read from the kernel. Any thread.
#pragma once

#include <cstdint>
#include <string>

namespace wharf::engine {

struct Host {
  std::string name;
  std::string kernel;
  std::string machine;           ///< "x86_64"
  std::string operating_system;  ///< "Debian GNU/Linux 12 (bookworm)"
  std::string os_version;        ///< "12"
  std::int64_t cpus = 0;
  std::int64_t memory_bytes = 0;
  bool cgroup2 = false;
  bool memory_limit = false;
  bool swap_limit = false;
  bool cpu_cfs = false;
  bool cpu_shares = false;
  bool cpu_set = false;
  bool pids_limit = false;
  bool oom_kill_disable = false;
  bool ipv4_forwarding = false;
  bool seccomp = false;
  bool apparmor = false;
};

Host read_host();

/// "systemd" where the machine was booted with it and has cgroup v2 alone, else "cgroupfs".
std::string default_cgroup_driver();

/// Descriptors and threads of this process.
std::int64_t open_descriptors();
std::int64_t running_threads();

}  // namespace wharf::engine
