// Writing OCI resources into control files; internal to this room. v1 and v2 differ in the
// names, the units and the order in which values may be written.
#pragma once

#include "cgroup/control_file.h"
#include "cgroup/group.h"

namespace wharf::cgroup {

enum class Phase { Create, Update };

bool apply_v1(const Group& group, const oci::Resources& resources, Phase phase, Failure& failure);
bool apply_v2(const Group& group, const oci::Resources& resources, Phase phase, Failure& failure);

/// Default deny, then the spec's rules, then the devices that every container has (A20).
bool allow_devices_v1(int directory, std::span<const oci::DeviceRule> rules, Failure& failure);
/// The same as a BPF program on the directory, replacing one of ours.
bool allow_devices_v2(int directory, std::span<const oci::DeviceRule> rules, Failure& failure);

/// null, zero, full, random, urandom, tty, console, ptmx, pts, and mknod of anything: what the
/// runtime makes in each container's /dev has to be usable.
std::span<const oci::DeviceRule> default_devices();

/// The directory of a controller, where a limit needs it; -1 with the reason when missing.
int needed(const Group& group, std::string_view controller, Failure& failure);

/// A value of "0" or nothing given writes nothing.
inline bool given(const oci::OptionalInt& value) {
  return value && *value != 0;
}

/// cpu.shares (2 to 262144) as cpu.weight (1 to 10000).
std::int64_t weight_of_shares(std::int64_t shares);
/// blkio.weight (10 to 1000) as io.weight (1 to 10000).
std::int64_t io_weight_of(std::int64_t weight);

}  // namespace wharf::cgroup
