// GET /containers/{id}/stats: what a container uses, at one moment and at the one before.
//
// Plain values, in nanoseconds and bytes. Docker leaves out what is 0 or not counted.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace wharf::api {

struct CpuUsage {
  std::uint64_t total = 0;
  std::vector<std::uint64_t> per_cpu;  ///< cgroup v1 only.
  std::uint64_t kernel = 0;
  std::uint64_t user = 0;
};
struct Throttling {
  std::uint64_t periods = 0;
  std::uint64_t throttled_periods = 0;
  std::uint64_t throttled_ns = 0;
};
struct CpuStats {
  CpuUsage usage;
  std::uint64_t system = 0;  ///< Of all CPUs together, idle or not.
  std::uint32_t online_cpus = 0;
  Throttling throttling;
};

struct MemoryStats {
  std::uint64_t usage = 0;
  std::uint64_t max_usage = 0;
  std::map<std::string, std::uint64_t> stats;  ///< memory.stat, as the kernel names it.
  std::uint64_t failures = 0;
  std::uint64_t limit = 0;
};

struct PidsStats {
  std::uint64_t current = 0;
  std::uint64_t limit = 0;
};

struct BlkioEntry {
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
  std::string operation;
  std::uint64_t value = 0;
};
using BlkioEntries = std::optional<std::vector<BlkioEntry>>;
struct BlkioStats {
  BlkioEntries service_bytes, serviced, queued, service_time, wait_time, merged, time, sectors;
};

struct NetworkStats {
  std::uint64_t rx_bytes = 0, rx_packets = 0, rx_errors = 0, rx_dropped = 0;
  std::uint64_t tx_bytes = 0, tx_packets = 0, tx_errors = 0, tx_dropped = 0;
};

/// Of one line of a pressure file: percent of the last 10, 60, 300 seconds, and microseconds.
struct PressureLine {
  double avg10 = 0, avg60 = 0, avg300 = 0;
  std::uint64_t total = 0;
};
struct Pressure {
  PressureLine some;
  std::optional<PressureLine> full;
};
/// Docker has no such member: it is an addition, there where the kernel counts pressure (v2).
struct PressureStats {
  std::optional<Pressure> cpu, memory, io;
};

struct ContainerStats {
  std::string id;
  std::string name;  ///< With a slash.
  std::string os_type = "linux";
  std::string read;
  CpuStats cpu;
  MemoryStats memory;
  PidsStats pids;
  BlkioStats blkio;
  std::map<std::string, NetworkStats> networks;
  std::optional<PressureStats> pressure;
  std::string preread;
  CpuStats precpu;
};

base::Json to_json(const ContainerStats& stats);

}  // namespace wharf::api
