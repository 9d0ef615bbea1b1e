// Limits on cgroup v1: Documentation/admin-guide/cgroup-v1.
#include "cgroup/limits.h"

namespace wharf::cgroup {
namespace {

bool write_optional(int directory, const char* file, const oci::OptionalInt& value,
                    Failure& failure) {
  return !given(value) || write_number(directory, file, *value, failure);
}

bool set_swap(int directory, std::int64_t swap, Failure& failure) {
  if (try_write(directory, "memory.memsw.limit_in_bytes", base::Text<24>(swap).view())) return true;
  // Without swap accounting "as much as you like" holds anyway.
  if (errno == ENOENT && swap < 0) return true;
  if (errno == ENOENT) return failure.because("cgroup: the kernel does not account swap");
  return failure.because_of_errno("cgroup: write ", swap, " to memory.memsw.limit_in_bytes");
}

/// Memory may never exceed memory plus swap, not even between two writes.
bool set_memory_and_swap(int directory, const oci::Memory& memory, Failure& failure) {
  std::int64_t swap = memory.swap.value_or(0);
  if (memory.limit == -1 && swap == 0) swap = -1;
  std::int64_t current = INT64_MAX;
  (void)read_number(directory, "memory.limit_in_bytes", current);
  const bool swap_first = given(memory.limit) && swap != 0 && (swap == -1 || current < swap);
  if (swap_first && !set_swap(directory, swap, failure)) return false;
  if (given(memory.limit) &&
      !write_number(directory, "memory.limit_in_bytes", *memory.limit, failure)) {
    return false;
  }
  return swap_first || swap == 0 || set_swap(directory, swap, failure);
}

bool set_memory(const Group& group, const oci::Memory& memory, Failure& failure) {
  const bool any = given(memory.limit) || given(memory.swap) || given(memory.reservation) ||
                   given(memory.kernel) || given(memory.kernel_tcp) || memory.swappiness ||
                   memory.disable_oom_killer;
  if (!any) return true;
  const int directory = needed(group, "memory", failure);
  if (directory < 0) return false;
  const auto usage_above = [&]() {
    std::int64_t usage = 0;
    return memory.check_before_update && given(memory.limit) && *memory.limit > 0 &&
           read_number(directory, "memory.usage_in_bytes", usage) && usage > *memory.limit;
  };
  if (usage_above()) return failure.because("cgroup: memory limit below what is in use");
  // memory.kmem.limit_in_bytes is gone since Linux 6.1 and means nothing since 5.16; a limit of
  // it is not an error, as with runc.
  return set_memory_and_swap(directory, memory, failure) &&
         write_optional(directory, "memory.soft_limit_in_bytes", memory.reservation, failure) &&
         write_optional(directory, "memory.kmem.tcp.limit_in_bytes", memory.kernel_tcp, failure) &&
         (!memory.swappiness ||
          write_number(directory, "memory.swappiness", *memory.swappiness, failure)) &&
         (!memory.disable_oom_killer || write_value(directory, "memory.oom_control", "1", failure));
}

bool set_bandwidth(int directory, const oci::Cpu& cpu, Failure& failure) {
  const base::Text<24> period(cpu.period.value_or(0));
  bool period_later = false;
  // A shorter period can be refused until the quota that belongs to it is written.
  if (given(cpu.period) && !try_write(directory, "cpu.cfs_period_us", period.view())) {
    if (errno != EINVAL || !given(cpu.quota)) {
      return failure.because_of_errno("cgroup: write ", period.view(), " to cpu.cfs_period_us");
    }
    period_later = true;
  }
  if (!write_optional(directory, "cpu.cfs_quota_us", cpu.quota, failure)) return false;
  if (period_later && !write_value(directory, "cpu.cfs_period_us", period.view(), failure)) {
    return false;
  }
  return !cpu.burst || write_number(directory, "cpu.cfs_burst_us", *cpu.burst, failure);
}

bool set_cpu(const Group& group, const oci::Cpu& cpu, Failure& failure) {
  const bool any = given(cpu.shares) || given(cpu.quota) || given(cpu.period) || cpu.burst ||
                   given(cpu.realtime_period) || given(cpu.realtime_runtime) || cpu.idle;
  if (!any) return true;
  const int directory = needed(group, "cpu", failure);
  if (directory < 0) return false;
  return write_optional(directory, "cpu.rt_period_us", cpu.realtime_period, failure) &&
         write_optional(directory, "cpu.rt_runtime_us", cpu.realtime_runtime, failure) &&
         write_optional(directory, "cpu.shares", cpu.shares, failure) &&
         set_bandwidth(directory, cpu, failure) &&
         (!cpu.idle || write_number(directory, "cpu.idle", *cpu.idle, failure));
}

bool set_cpuset(const Group& group, const oci::Cpu& cpu, Failure& failure) {
  if (cpu.cpus.empty() && cpu.mems.empty()) return true;
  const int directory = needed(group, "cpuset", failure);
  if (directory < 0) return false;
  return (cpu.cpus.empty() || write_value(directory, "cpuset.cpus", cpu.cpus, failure)) &&
         (cpu.mems.empty() || write_value(directory, "cpuset.mems", cpu.mems, failure));
}

bool throttle(int directory, const char* file, std::span<const oci::ThrottleDevice> devices,
              Failure& failure) {
  for (const oci::ThrottleDevice& device : devices) {
    const base::Text<80> line(device.major, ":", device.minor, " ", device.rate);
    if (!write_value(directory, file, line.view(), failure)) return false;
  }
  return true;
}

/// The names depend on the scheduler: CFQ until 4.20, BFQ since.
bool set_weights(int directory, const oci::BlockIo& io, Failure& failure) {
  const bool plain = exists(directory, "blkio.weight");
  const char* file = plain ? "blkio.weight" : "blkio.bfq.weight";
  const char* each = plain ? "blkio.weight_device" : "blkio.bfq.weight_device";
  if (given(io.weight) && !write_number(directory, file, *io.weight, failure)) return false;
  if (given(io.leaf_weight) &&
      !write_number(directory, "blkio.leaf_weight", *io.leaf_weight, failure)) {
    return false;
  }
  for (const oci::WeightDevice& device : io.weight_devices) {
    const base::Text<80> line(device.major, ":", device.minor, " ", device.weight.value_or(0));
    if (given(device.weight) && !write_value(directory, each, line.view(), failure)) return false;
    const base::Text<80> leaf(device.major, ":", device.minor, " ", device.leaf_weight.value_or(0));
    if (given(device.leaf_weight) &&
        !write_value(directory, "blkio.leaf_weight_device", leaf.view(), failure)) {
      return false;
    }
  }
  return true;
}

bool set_block_io(const Group& group, const oci::BlockIo& io, Failure& failure) {
  const bool any = given(io.weight) || given(io.leaf_weight) || !io.weight_devices.empty() ||
                   !io.read_bps.empty() || !io.write_bps.empty() || !io.read_iops.empty() ||
                   !io.write_iops.empty();
  if (!any) return true;
  const int directory = needed(group, "blkio", failure);
  return directory >= 0 && set_weights(directory, io, failure) &&
         throttle(directory, "blkio.throttle.read_bps_device", io.read_bps, failure) &&
         throttle(directory, "blkio.throttle.write_bps_device", io.write_bps, failure) &&
         throttle(directory, "blkio.throttle.read_iops_device", io.read_iops, failure) &&
         throttle(directory, "blkio.throttle.write_iops_device", io.write_iops, failure);
}

bool set_pids(const Group& group, const oci::OptionalInt& limit, Failure& failure) {
  if (!given(limit)) return true;
  const int directory = needed(group, "pids", failure);
  if (directory < 0) return false;
  return *limit < 0 ? write_value(directory, "pids.max", "max", failure)
                    : write_number(directory, "pids.max", *limit, failure);
}

bool set_hugepages(const Group& group, std::span<const oci::HugepageLimit> limits,
                   Failure& failure) {
  for (const oci::HugepageLimit& limit : limits) {
    const int directory = needed(group, "hugetlb", failure);
    const base::Text<63> file("hugetlb.", limit.page_size, ".limit_in_bytes");
    const base::Text<24> value(limit.limit);
    if (directory < 0 || !write_value(directory, file.c_str(), value.view(), failure)) return false;
  }
  return true;
}

bool set_network(const Group& group, const oci::Resources& resources, Failure& failure) {
  if (given(resources.network_class)) {
    const int directory = needed(group, "net_cls", failure);
    if (directory < 0 ||
        !write_number(directory, "net_cls.classid", *resources.network_class, failure)) {
      return false;
    }
  }
  for (const oci::InterfacePriority& one : resources.network_priorities) {
    const int directory = needed(group, "net_prio", failure);
    const base::Text<80> line(one.name, " ", one.priority);
    if (directory < 0 || !write_value(directory, "net_prio.ifpriomap", line.view(), failure)) {
      return false;
    }
  }
  return true;
}

bool set_rdma(const Group& group, std::span<const oci::RdmaLimit> limits, Failure& failure) {
  for (const oci::RdmaLimit& limit : limits) {
    const int directory = needed(group, "rdma", failure);
    base::Text<127> line(limit.device);
    if (limit.handles) line.put(" hca_handle=", *limit.handles);
    if (limit.objects) line.put(" hca_object=", *limit.objects);
    if (directory < 0 || !write_value(directory, "rdma.max", line.view(), failure)) return false;
  }
  return true;
}

}  // namespace

bool apply_v1(const Group& group, const oci::Resources& resources, Phase phase, Failure& failure) {
  if (!resources.unified.empty()) {
    return failure.because("cgroup: unified resources need cgroup v2");
  }
  const int devices = group.directory("devices");
  const bool set_devices = phase == Phase::Create ? devices >= 0 : !resources.devices.empty();
  if (set_devices && !allow_devices_v1(devices, resources.devices, failure)) return false;
  return set_cpuset(group, resources.cpu, failure) && set_cpu(group, resources.cpu, failure) &&
         set_memory(group, resources.memory, failure) && set_pids(group, resources.pids, failure) &&
         set_block_io(group, resources.block_io, failure) &&
         set_hugepages(group, resources.hugepages, failure) &&
         set_network(group, resources, failure) && set_rdma(group, resources.rdma, failure);
}

}  // namespace wharf::cgroup
