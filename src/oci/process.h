// The process object of the OCI runtime spec, as plain values: what a container or an exec runs.
//
// Text lies in the arena the spec was parsed into and ends with a NUL byte, so .data() is a C
// string. https://github.com/opencontainers/runtime-spec/blob/main/config.md#process. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace wharf::oci {

/// argv or envp: the array ends with a null pointer.
using Strings = std::span<char*>;

/// One bit per capability number.
struct Capabilities {
  std::uint64_t bounding = 0;
  std::uint64_t effective = 0;
  std::uint64_t inheritable = 0;
  std::uint64_t permitted = 0;
  std::uint64_t ambient = 0;
};

struct Rlimit {
  int resource = 0;
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
};

/// As sched_setattr(2) takes it.
struct Scheduler {
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime_ns = 0;
  std::uint64_t deadline_ns = 0;
  std::uint64_t period_ns = 0;
};

struct Process {
  bool terminal = false;
  std::uint16_t console_rows = 0;
  std::uint16_t console_columns = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::span<std::uint32_t> additional_gids;
  std::optional<std::uint32_t> umask;
  Strings args;
  Strings env;
  std::string_view cwd = "/";
  /// Absent: the capabilities of the runtime are kept as they are.
  std::optional<Capabilities> capabilities;
  std::span<Rlimit> rlimits;
  std::optional<int> oom_score_adj;
  bool no_new_privileges = false;
  std::string_view apparmor_profile;
  std::string_view selinux_label;
  std::optional<int> io_priority;  // as ioprio_set(2) takes it
  std::optional<Scheduler> scheduler;
  /// Names that no kernel knows; they are left out, and the caller is warned.
  std::span<std::string_view> unmapped_capabilities;
};

}  // namespace wharf::oci
