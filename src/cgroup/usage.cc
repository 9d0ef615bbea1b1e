#include "cgroup/usage.h"

#include "cgroup/control_file.h"

namespace wharf::cgroup {
namespace {

/// USER_HZ is 100 on every architecture of Linux that we run on.
constexpr std::uint64_t kTickNs = 10'000'000;
constexpr std::uint64_t kMicrosecondNs = 1000;

std::uint64_t number_in(int directory, const char* file) {
  std::int64_t value = 0;
  if (directory < 0 || !read_number(directory, file, value)) return 0;
  return value < 0 ? 0 : static_cast<std::uint64_t>(value);
}

/// A whole file of "key value" lines, read once.
class Lines {
 public:
  Lines(int directory, const char* file) {
    if (directory >= 0) read_value(directory, file, text_);
  }
  std::uint64_t operator[](std::string_view key) const {
    std::string_view rest = text_.view();
    while (!rest.empty()) {
      std::string_view line = base::split(rest, '\n');
      std::uint64_t value = 0;
      if (base::split(line, ' ') == key && base::parse_number(line, value)) return value;
    }
    return 0;
  }

 private:
  FileText text_;
};

/// "8:0" in front of a line; false where it begins otherwise.
bool take_device(std::string_view& line, IoCount& count) {
  std::string_view device = base::split(line, ' ');
  return base::parse_number(base::split(device, ':'), count.major) &&
         base::parse_number(device, count.minor);
}

/// v1: "8:0 Read 4096", and a last line "Total 4096".
void read_io_v1(int directory, const char* file, const char* otherwise, IoCounts& into) {
  FileText text;
  if (directory < 0) return;
  if (!read_value(directory, file, text)) {
    text.clear();
    if (!read_value(directory, otherwise, text)) return;
  }
  std::string_view rest = text.view();
  while (!rest.empty()) {
    std::string_view line = base::split(rest, '\n');
    IoCount count;
    if (!take_device(line, count)) continue;
    count.operation.put(base::split(line, ' '));
    if (base::parse_number(line, count.value)) into.add(count);
  }
}

/// v2: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0".
void read_io_v2(int directory, Usage& usage) {
  FileText text;
  if (!read_value(directory, "io.stat", text)) return;
  std::string_view rest = text.view();
  while (!rest.empty()) {
    std::string_view line = base::split(rest, '\n');
    IoCount device;
    if (!take_device(line, device)) continue;
    while (!line.empty()) {
      std::string_view value = base::split(line, ' ');
      const std::string_view key = base::split(value, '=');
      const bool bytes = key == "rbytes" || key == "wbytes";
      if (!bytes && key != "rios" && key != "wios") continue;
      IoCount count = device;
      count.operation.put(key[0] == 'r' ? "read" : "write");
      if (!base::parse_number(value, count.value)) continue;
      (bytes ? usage.io_bytes : usage.io_operations).add(count);
    }
  }
}

void read_v1(const Group& group, Usage& usage) {
  const int cpu_account = group.directory("cpuacct");
  usage.cpu_ns = number_in(cpu_account, "cpuacct.usage");
  const Lines ticks(cpu_account, "cpuacct.stat");
  usage.cpu_user_ns = ticks["user"] * kTickNs;
  usage.cpu_system_ns = ticks["system"] * kTickNs;
  if (cpu_account >= 0) read_value(cpu_account, "cpuacct.usage_percpu", usage.per_cpu_ns);
  const Lines cpu(group.directory("cpu"), "cpu.stat");
  usage.periods = cpu["nr_periods"];
  usage.throttled_periods = cpu["nr_throttled"];
  usage.throttled_ns = cpu["throttled_time"];

  const int memory = group.directory("memory");
  usage.memory_bytes = number_in(memory, "memory.usage_in_bytes");
  usage.memory_peak_bytes = number_in(memory, "memory.max_usage_in_bytes");
  usage.memory_limit_bytes = number_in(memory, "memory.limit_in_bytes");
  usage.memory_failures = number_in(memory, "memory.failcnt");
  if (memory >= 0) read_value(memory, "memory.stat", usage.memory_stat);

  const int pids = group.directory("pids");
  usage.processes = number_in(pids, "pids.current");
  usage.processes_limit = number_in(pids, "pids.max");

  const int disks = group.directory("blkio");
  read_io_v1(disks, "blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_service_bytes",
             usage.io_bytes);
  read_io_v1(disks, "blkio.throttle.io_serviced_recursive", "blkio.throttle.io_serviced",
             usage.io_operations);
}

void read_v2(int directory, Usage& usage) {
  const Lines cpu(directory, "cpu.stat");
  usage.cpu_ns = cpu["usage_usec"] * kMicrosecondNs;
  usage.cpu_user_ns = cpu["user_usec"] * kMicrosecondNs;
  usage.cpu_system_ns = cpu["system_usec"] * kMicrosecondNs;
  usage.periods = cpu["nr_periods"];
  usage.throttled_periods = cpu["nr_throttled"];
  usage.throttled_ns = cpu["throttled_usec"] * kMicrosecondNs;

  usage.memory_bytes = number_in(directory, "memory.current");
  usage.memory_limit_bytes = number_in(directory, "memory.max");
  usage.memory_failures = read_keyed(directory, "memory.events", "oom");
  read_value(directory, "memory.stat", usage.memory_stat);

  usage.processes = number_in(directory, "pids.current");
  usage.processes_limit = number_in(directory, "pids.max");
  read_io_v2(directory, usage);
  read_value(directory, "cpu.pressure", usage.cpu_pressure);
  read_value(directory, "memory.pressure", usage.memory_pressure);
  read_value(directory, "io.pressure", usage.io_pressure);
}

}  // namespace

bool read_usage(const Group& group, Usage& usage) {
  const int unified = group.unified_directory();
  usage.unified = unified >= 0;
  const int any = usage.unified ? unified : group.directory("cpuacct");
  const bool there = any >= 0 && exists(any, "cgroup.procs");
  if (!there) return false;
  if (usage.unified) {
    read_v2(unified, usage);
  } else {
    read_v1(group, usage);
  }
  // "max" is INT64_MAX: no limit.
  if (usage.processes_limit == INT64_MAX) usage.processes_limit = 0;
  return true;
}

}  // namespace wharf::cgroup
