// Seccomp filters, compiled from linux.seccomp of the OCI runtime spec.
//
// The result is a program of classic BPF for seccomp(2): first the architecture, then a
// balanced tree over ranges of system call numbers with the same verdict, then, for the few
// calls that need it, checks of arguments. A tree over ranges is several times shorter than a
// list over calls, and each system call passes about eight instructions.
//
// Names that no entry knows are left out, as libseccomp does: one profile serves many
// kernels. Compiled for the daemon and for the static runtime: no exceptions, no heap. Any
// thread. https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md#seccomp
#pragma once

#include <linux/filter.h>

#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/failure.h"
#include "base/json_tree.h"

namespace wharf::os {

struct SeccompFilter {
  /// Empty when the profile allows everything.
  std::span<sock_filter> code;
  /// SECCOMP_FILTER_FLAG_* to load it with.
  unsigned flags = 0;
};

/// `profile` is the seccomp object of config.json. False, with the reason, when an action, an
/// architecture or an operator is unknown, or the filter exceeds the kernel's 4096 instructions.
bool compile_seccomp(base::Arena& arena, const base::JsonNode& profile, SeccompFilter& filter,
                     base::Failure& failure);

/// The same from text, which is parsed in place.
bool compile_seccomp(base::Arena& arena, std::span<char> profile, SeccompFilter& filter,
                     base::Failure& failure);

/// What a system call does in each of the three x86 entries; -1 where it does not exist.
struct SyscallNumbers {
  std::string_view name;
  short x86_64 = -1;
  short x86 = -1;
  short x32 = -1;
};
/// nullptr when no entry knows the name.
const SyscallNumbers* find_syscall(std::string_view name);

}  // namespace wharf::os
