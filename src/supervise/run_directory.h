// <exec-root>/c/<id>: where the supervisor of a container listens, and the proof that it lives.
//
// flock(2) belongs to the open file description: wharfd locks the directory and hands the
// descriptor over, so the lock lasts exactly as long as the longer lived of the two. Whoever
// gets it knows that no supervisor is in there, nor one under way.
//
// Room-internal. Any thread.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>

#include "os/fd.h"

namespace wharf::supervise {

/// How long a supervisor on its way out may take to leave.
inline constexpr std::chrono::milliseconds kLeaveTime{5000};

/// Makes the directory (0700) or takes over one that a dead supervisor left; locked. Waits up
/// to kLeaveTime for one that is leaving, then throws Conflict.
os::Fd claim_run_directory(const std::filesystem::path& path);

/// The lock on what is left of a run directory; nothing if there is none. Waits and throws as
/// claim_run_directory() does.
std::optional<os::Fd> claim_left_directory(const std::filesystem::path& path);

/// Removes the socket and the directory. None there is no error.
void remove_run_directory(const std::filesystem::path& path);

}  // namespace wharf::supervise
