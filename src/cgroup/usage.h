// What a cgroup has used: CPU, memory, processes, disks, and how long it waited for them.
//
// One read for v1 and v2, in the units of the Docker API (nanoseconds, bytes). What the machine
// does not count stays 0. Compiled for the daemon and for the static runtime: no heap. One thread
// per Group. See Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst, accounting/psi.rst.
#pragma once

#include <array>
#include <cstdint>

#include "cgroup/group.h"

namespace wharf::cgroup {

/// "8:0 Read 4096".
struct IoCount {
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
  base::Text<15> operation;
  std::uint64_t value = 0;
};

struct IoCounts {
  std::array<IoCount, 128> all;
  std::size_t count = 0;  ///< More are left out.

  void add(const IoCount& one) {
    if (count < all.size()) all[count++] = one;
  }
};

struct Usage {
  bool unified = false;

  std::uint64_t cpu_ns = 0;
  std::uint64_t cpu_user_ns = 0;
  std::uint64_t cpu_system_ns = 0;
  base::Text<8191> per_cpu_ns;  ///< v1: numbers between spaces.
  std::uint64_t periods = 0;
  std::uint64_t throttled_periods = 0;
  std::uint64_t throttled_ns = 0;

  std::uint64_t memory_bytes = 0;
  std::uint64_t memory_peak_bytes = 0;   ///< v1 only, as Docker has it.
  std::uint64_t memory_limit_bytes = 0;  ///< Without one: more than any machine has.
  std::uint64_t memory_failures = 0;
  base::Text<8191> memory_stat;  ///< Lines "name number", as the kernel has them.

  std::uint64_t processes = 0;
  std::uint64_t processes_limit = 0;  ///< 0: none.

  IoCounts io_bytes;
  IoCounts io_operations;

  /// "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull ...", where the kernel counts it (v2).
  base::Text<255> cpu_pressure;
  base::Text<255> memory_pressure;
  base::Text<255> io_pressure;
};

/// False where the cgroup is gone. Fills a `usage` that is new.
bool read_usage(const Group& group, Usage& usage);

}  // namespace wharf::cgroup
