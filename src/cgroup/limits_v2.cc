// Limits on cgroup v2: Documentation/admin-guide/cgroup-v2.rst. The spec speaks v1; the
// translations are those of the OCI runtime spec's page on cgroup v2.
#include "cgroup/limits.h"

namespace wharf::cgroup {
namespace {

bool write_or_max(int directory, const char* file, std::int64_t value, Failure& failure) {
  return value < 0 ? write_value(directory, file, "max", failure)
                   : write_number(directory, file, value, failure);
}

/// v1 limits memory plus swap, v2 swap alone.
bool set_swap(int directory, const oci::Memory& memory, Failure& failure) {
  if (!given(memory.swap)) return true;
  std::int64_t swap = *memory.swap;
  const std::int64_t limit = memory.limit.value_or(0);
  if (swap > 0) {
    if (limit <= 0) return failure.because("cgroup: a swap limit needs a memory limit");
    if (swap < limit) return failure.because("cgroup: memory+swap limit below the memory limit");
    swap -= limit;
  }
  if (!exists(directory, "memory.swap.max")) {
    return swap <= 0 || failure.because("cgroup: the kernel does not account swap");
  }
  return write_or_max(directory, "memory.swap.max", swap, failure);
}

bool set_memory(int directory, const oci::Memory& memory, Failure& failure) {
  if (memory.disable_oom_killer) {
    return failure.because("cgroup: the OOM killer cannot be disabled on cgroup v2");
  }
  std::int64_t usage = 0;
  if (memory.check_before_update && given(memory.limit) && *memory.limit > 0 &&
      read_number(directory, "memory.current", usage) && usage > *memory.limit) {
    return failure.because("cgroup: memory limit below what is in use");
  }
  // Swappiness and the kernel memory limits have no file on v2; like runc, not an error.
  return set_swap(directory, memory, failure) &&
         (!given(memory.limit) || write_or_max(directory, "memory.max", *memory.limit, failure)) &&
         (!given(memory.reservation) ||
          write_or_max(directory, "memory.low", *memory.reservation, failure));
}

bool set_cpu(int directory, const oci::Cpu& cpu, Failure& failure) {
  if (cpu.idle && !write_number(directory, "cpu.idle", *cpu.idle, failure)) return false;
  if (given(cpu.shares) && cpu.idle.value_or(0) == 0 &&
      !write_number(directory, "cpu.weight", weight_of_shares(*cpu.shares), failure)) {
    return false;
  }
  if (given(cpu.quota) || given(cpu.period)) {
    base::Text<63> line;
    if (cpu.quota.value_or(0) > 0)
      line.put(*cpu.quota);
    else
      line.put("max");
    if (given(cpu.period)) line.put(" ", *cpu.period);
    if (!write_value(directory, "cpu.max", line.view(), failure)) return false;
  }
  if (cpu.burst && !write_number(directory, "cpu.max.burst", *cpu.burst, failure)) return false;
  return (cpu.cpus.empty() || write_value(directory, "cpuset.cpus", cpu.cpus, failure)) &&
         (cpu.mems.empty() || write_value(directory, "cpuset.mems", cpu.mems, failure));
}

bool throttle(int directory, const char* key, std::span<const oci::ThrottleDevice> devices,
              Failure& failure) {
  for (const oci::ThrottleDevice& device : devices) {
    base::Text<80> line(device.major, ":", device.minor, " ", key, "=");
    if (device.rate == 0)
      line.put("max");
    else
      line.put(device.rate);
    if (!write_value(directory, "io.max", line.view(), failure)) return false;
  }
  return true;
}

bool set_io_weight(int directory, const oci::BlockIo& io, Failure& failure) {
  const bool bfq = exists(directory, "io.bfq.weight");
  if (given(io.weight)) {
    const std::int64_t weight = bfq ? *io.weight : io_weight_of(*io.weight);
    if (!write_number(directory, bfq ? "io.bfq.weight" : "io.weight", weight, failure)) {
      return false;
    }
  }
  for (const oci::WeightDevice& device : io.weight_devices) {
    if (!given(device.weight)) continue;
    const std::int64_t weight = bfq ? *device.weight : io_weight_of(*device.weight);
    const base::Text<80> line(device.major, ":", device.minor, " ", weight);
    if (!write_value(directory, bfq ? "io.bfq.weight" : "io.weight", line.view(), failure)) {
      return false;
    }
  }
  return true;
}

bool set_io(int directory, const oci::BlockIo& io, Failure& failure) {
  return set_io_weight(directory, io, failure) &&
         throttle(directory, "rbps", io.read_bps, failure) &&
         throttle(directory, "wbps", io.write_bps, failure) &&
         throttle(directory, "riops", io.read_iops, failure) &&
         throttle(directory, "wiops", io.write_iops, failure);
}

bool set_others(int directory, const oci::Resources& resources, Failure& failure) {
  if (given(resources.pids) && !write_or_max(directory, "pids.max", *resources.pids, failure)) {
    return false;
  }
  for (const oci::HugepageLimit& limit : resources.hugepages) {
    const base::Text<63> file("hugetlb.", limit.page_size, ".max");
    const base::Text<24> value(limit.limit);
    if (!write_value(directory, file.c_str(), value.view(), failure)) return false;
  }
  for (const oci::RdmaLimit& limit : resources.rdma) {
    base::Text<127> line(limit.device);
    if (limit.handles) line.put(" hca_handle=", *limit.handles);
    if (limit.objects) line.put(" hca_object=", *limit.objects);
    if (!write_value(directory, "rdma.max", line.view(), failure)) return false;
  }
  if (given(resources.network_class) || !resources.network_priorities.empty()) {
    return failure.because("cgroup: net_cls and net_prio need cgroup v1");
  }
  for (const oci::UnifiedSetting& one : resources.unified) {
    if (!write_value(directory, one.file.data(), one.value, failure)) return false;
  }
  return true;
}

}  // namespace

bool apply_v2(const Group& group, const oci::Resources& resources, Phase phase, Failure& failure) {
  const int directory = group.unified_directory();
  if (directory < 0) return failure.because("cgroup: not there");
  const bool set_devices = phase == Phase::Create || !resources.devices.empty();
  if (set_devices && !allow_devices_v2(directory, resources.devices, failure)) return false;
  return set_memory(directory, resources.memory, failure) &&
         set_cpu(directory, resources.cpu, failure) &&
         set_io(directory, resources.block_io, failure) &&
         set_others(directory, resources, failure);
}

}  // namespace wharf::cgroup
