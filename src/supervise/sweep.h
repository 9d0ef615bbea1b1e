// Removes what a supervisor left that was killed: nobody else knows of it.
//
// Room-internal. Any thread; waits up to kSweepMs for processes that are dying.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace wharf::supervise {

inline constexpr int kSweepMs = 5000;

/// Kills what is in the cgroup, also what is frozen there. What fails is logged.
void kill_processes(const std::string& cgroup_path);

/// Kills what is left in the cgroup and removes it, then the run directory. What cannot be
/// removed is logged.
void sweep(const std::string& cgroup_path, const std::filesystem::path& run_directory);

/// linux.cgroupsPath of a config.json; empty when it has none.
std::string cgroup_path_of(std::string_view config_json);

}  // namespace wharf::supervise
