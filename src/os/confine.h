// Gives up, for good, everything this process does not need to work on one directory.
//
// Steps in their order; each is irreversible, holds for threads made later, and throws
// base::Error where the kernel refuses it. For processes that do one job for a stranger and end.
#pragma once

#include <cstdint>
#include <span>

#include "os/fd.h"

namespace wharf::os {

/// No new privileges by exec, no core dumps, at most so many descriptors and bytes of memory.
struct ProcessLimits {
  std::uint64_t descriptors = 512;
  std::uint64_t memory_bytes = 512ULL << 20;  ///< RLIMIT_DATA; not in sanitizer builds.
};
void limit_process(const ProcessLimits& limits);

/// Makes `directory` the root: no absolute path leads anywhere else.
void change_root(const Fd& directory);

/// Landlock: file access only beneath `directory`. False where this kernel has none.
bool restrict_files_to(const Fd& directory);

/// Keeps these capabilities (CAP_CHOWN ...) and drops all others from every set.
void keep_capabilities(std::span<const int> capabilities);

/// seccomp: of all system calls, only these; any other kills the process. For all threads.
void allow_only(std::span<const int> system_calls);

}  // namespace wharf::os
