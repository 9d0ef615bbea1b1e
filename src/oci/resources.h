// linux.resources of the OCI runtime spec: what a container may use.
//
// A value that is absent is not written, so the kernel's own default holds. Limits are in
// the spec's units (bytes, microseconds, cgroup v1 shares); room cgroup translates them for
// v2. Plain values; text lies in the arena the spec was parsed into.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace wharf::oci {

using OptionalInt = std::optional<std::int64_t>;

struct DeviceRule {
  bool allow = false;
  char type = 'a';          // 'a', 'b', 'c'
  std::int64_t major = -1;  // -1: any
  std::int64_t minor = -1;
  bool read = false;
  bool write = false;
  bool make = false;
};

struct WeightDevice {
  std::int64_t major = 0;
  std::int64_t minor = 0;
  OptionalInt weight;
  OptionalInt leaf_weight;
};

struct ThrottleDevice {
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::uint64_t rate = 0;
};

struct BlockIo {
  OptionalInt weight;
  OptionalInt leaf_weight;
  std::span<WeightDevice> weight_devices;
  std::span<ThrottleDevice> read_bps;
  std::span<ThrottleDevice> write_bps;
  std::span<ThrottleDevice> read_iops;
  std::span<ThrottleDevice> write_iops;
};

struct Memory {
  OptionalInt limit;
  OptionalInt reservation;
  OptionalInt swap;  // memory plus swap, as on v1
  OptionalInt kernel;
  OptionalInt kernel_tcp;
  OptionalInt swappiness;
  bool disable_oom_killer = false;
  bool use_hierarchy = false;
  bool check_before_update = false;
};

struct Cpu {
  OptionalInt shares;
  OptionalInt quota;
  OptionalInt burst;
  OptionalInt period;
  OptionalInt realtime_runtime;
  OptionalInt realtime_period;
  OptionalInt idle;
  std::string_view cpus;
  std::string_view mems;
};

struct HugepageLimit {
  std::string_view page_size;
  std::uint64_t limit = 0;
};

struct RdmaLimit {
  std::string_view device;
  OptionalInt handles;
  OptionalInt objects;
};

struct InterfacePriority {
  std::string_view name;
  std::uint32_t priority = 0;
};

/// A v2 file name and what is written into it.
struct UnifiedSetting {
  std::string_view file;
  std::string_view value;
};

struct Resources {
  std::span<DeviceRule> devices;
  Memory memory;
  Cpu cpu;
  OptionalInt pids;
  BlockIo block_io;
  std::span<HugepageLimit> hugepages;
  std::span<RdmaLimit> rdma;
  OptionalInt network_class;
  std::span<InterfacePriority> network_priorities;
  std::span<UnifiedSetting> unified;
};

}  // namespace wharf::oci
