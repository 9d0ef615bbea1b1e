#include "os/confine.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace wharf::os {
namespace {

void limit(__rlimit_resource_t resource, std::uint64_t value, const char* called) {
  const rlimit both{.rlim_cur = value, .rlim_max = value};
  check(WHARF_CALL(setrlimit, resource, &both), "limit {}", called);
}

/// All rights that exist up to the kernel's version: what is not handled is not restricted.
std::uint64_t handled_rights(long version) {
  std::uint64_t rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
  if (version >= 2) rights |= 1ULL << 13;  // LANDLOCK_ACCESS_FS_REFER
  if (version >= 3) rights |= 1ULL << 14;  // LANDLOCK_ACCESS_FS_TRUNCATE
  return rights;
}

}  // namespace

void limit_process(const ProcessLimits& limits) {
  check(WHARF_CALL(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "set no_new_privs");
  check(WHARF_CALL(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0), "set not dumpable");
  limit(RLIMIT_NOFILE, limits.descriptors, "descriptors");
  limit(RLIMIT_CORE, 0, "core dumps");
#ifndef WHARF_SANITIZED
  limit(RLIMIT_DATA, limits.memory_bytes, "memory");
#endif
}

void change_root(const Fd& directory) {
  check(WHARF_CALL(fchdir, directory.get()), "enter directory");
  check(WHARF_CALL(chroot, "."), "change root");
}

bool restrict_files_to(const Fd& directory) {
  const long version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 0) return false;
  // The first field only: the header on Debian 12 knows no others, and zero means unrestricted.
  struct {
    std::uint64_t handled_access_fs;
  } attributes{handled_rights(version)};
  const Fd rules(static_cast<int>(
      check(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0),
            "make landlock rules")));
  landlock_path_beneath_attr beneath{};
  // Everything but running programs.
  beneath.allowed_access =
      attributes.handled_access_fs & ~std::uint64_t{LANDLOCK_ACCESS_FS_EXECUTE};
  beneath.parent_fd = directory.get();
  check(::syscall(SYS_landlock_add_rule, rules.get(), LANDLOCK_RULE_PATH_BENEATH, &beneath, 0),
        "add landlock rule");
  check(::syscall(SYS_landlock_restrict_self, rules.get(), 0), "restrict by landlock");
  return true;
}

void keep_capabilities(std::span<const int> capabilities) {
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    if (std::find(capabilities.begin(), capabilities.end(), capability) != capabilities.end()) {
      continue;
    }
    check(WHARF_CALL(prctl, PR_CAPBSET_DROP, capability, 0, 0, 0), "drop capability {}",
          capability);
  }
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct sets[2] = {};
  for (const int capability : capabilities) {
    const auto bit = 1U << (capability % 32);
    sets[capability / 32].effective |= bit;
    sets[capability / 32].permitted |= bit;
  }
  check(WHARF_CALL(syscall, SYS_capset, &header, sets), "set capabilities");
}

void allow_only(std::span<const int> system_calls) {
  const auto number = static_cast<unsigned>(offsetof(seccomp_data, nr));
  const auto architecture = static_cast<unsigned>(offsetof(seccomp_data, arch));
  std::vector<sock_filter> program = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, architecture),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, number),
  };
  std::vector<int> allowed(system_calls.begin(), system_calls.end());
#ifdef WHARF_SANITIZED
  // What the sanitizers' own runtime asks for; no such build is installed anywhere. With pipe2
  // ubsan looks whether the memory of an object can be read before it looks at its type.
  allowed.insert(allowed.end(),
                 {SYS_sigaltstack, SYS_prctl, SYS_sched_getaffinity, SYS_getppid, SYS_readlink,
                  SYS_open, SYS_prlimit64, SYS_nanosleep, SYS_clock_nanosleep, SYS_gettimeofday,
                  SYS_uname, SYS_sysinfo, SYS_pipe2});
#endif
  // One comparison per call, each with its own "allow": x32 numbers match none of them.
  for (const int call : allowed) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
  sock_fprog filter{.len = static_cast<unsigned short>(program.size()), .filter = program.data()};
  const long result =
      WHARF_CALL(syscall, SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
  // With TSYNC a positive result is a thread that could not be brought along.
  if (result != 0) throw last_error("load system call filter");
}

}  // namespace wharf::os
