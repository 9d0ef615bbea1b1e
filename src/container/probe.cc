#include "container/probe.h"

#include <time.h>
#include <unistd.h>

#include <charconv>
#include <memory>
#include <sstream>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "cgroup/usage.h"
#include "container/spec.h"
#include "os/file.h"

namespace wharf::container {

namespace {

constexpr std::size_t kDevicesLimit = 1 << 20;

/// Read once: hierarchies do not come and go.
const cgroup::Hierarchies& hierarchies() {
  static const cgroup::Hierarchies all = [] {
    cgroup::Hierarchies found;
    base::Failure failure;
    if (!cgroup::discover(found, failure)) {
      base::log_warn("stats: cgroups: {}", failure.text.view());
    }
    return found;
  }();
  return all;
}

std::uint64_t memory_of_the_machine() {
  static const std::uint64_t bytes = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                                     static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

template <class Number>
Number number_of(std::string_view text) {
  Number value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// Docker adds up /proc/stat, which counts in steps of 10 ms: too coarse for two looks that are
/// close to each other. All CPUs together run for as long as the machine does, idle or not.
std::uint64_t system_ns(std::uint32_t cpus) {
  timespec up{};
  ::clock_gettime(CLOCK_BOOTTIME, &up);
  return cpus * (static_cast<std::uint64_t>(up.tv_sec) * 1'000'000'000 +
                 static_cast<std::uint64_t>(up.tv_nsec));
}

/// The text before `separator`, which is taken off with it.
std::string_view take(std::string_view& rest, char separator) {
  const std::string_view before = rest.substr(0, rest.find(separator));
  rest.remove_prefix(std::min(rest.size(), before.size() + 1));
  return before;
}

std::vector<std::uint64_t> numbers_of(std::string_view text) {
  std::vector<std::uint64_t> numbers;
  for (const std::string& word : base::split(base::trim(text), ' ')) {
    if (!word.empty()) numbers.push_back(number_of<std::uint64_t>(word));
  }
  return numbers;
}

std::map<std::string, std::uint64_t> keyed_of(std::string_view text) {
  std::map<std::string, std::uint64_t> keyed;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    const std::string_view key = take(line, ' ');
    if (!key.empty() && !line.empty()) {
      keyed.emplace(std::string(key), number_of<std::uint64_t>(line));
    }
  }
  return keyed;
}

std::vector<api::BlkioEntry> entries_of(const cgroup::IoCounts& counts) {
  std::vector<api::BlkioEntry> entries;
  for (std::size_t i = 0; i < counts.count; ++i) {
    const cgroup::IoCount& one = counts.all[i];
    entries.push_back({one.major, one.minor, std::string(one.operation.view()), one.value});
  }
  return entries;
}

void set_disks(api::BlkioStats& disks, const cgroup::Usage& usage) {
  if (usage.unified) {
    // Docker: on v2 there are bytes and nothing else, and null where there are none.
    std::vector<api::BlkioEntry> bytes = entries_of(usage.io_bytes);
    if (!bytes.empty()) disks.service_bytes = std::move(bytes);
    return;
  }
  for (api::BlkioEntries* list : {&disks.queued, &disks.service_time, &disks.wait_time,
                                  &disks.merged, &disks.time, &disks.sectors}) {
    list->emplace();
  }
  disks.service_bytes = entries_of(usage.io_bytes);
  disks.serviced = entries_of(usage.io_operations);
}

void set_usage(api::ContainerStats& stats, const cgroup::Usage& usage) {
  const auto cpus = static_cast<std::uint32_t>(::sysconf(_SC_NPROCESSORS_ONLN));
  stats.cpu.usage = {usage.cpu_ns, numbers_of(usage.per_cpu_ns.view()), usage.cpu_system_ns,
                     usage.cpu_user_ns};
  stats.cpu.system = system_ns(cpus);
  stats.cpu.online_cpus = cpus;
  stats.cpu.throttling = {usage.periods, usage.throttled_periods, usage.throttled_ns};
  stats.memory.usage = usage.memory_bytes;
  stats.memory.max_usage = usage.memory_peak_bytes;
  stats.memory.stats = keyed_of(usage.memory_stat.view());
  stats.memory.failures = usage.memory_failures;
  // Docker: without a limit it is the machine's memory.
  stats.memory.limit = std::min(usage.memory_limit_bytes, memory_of_the_machine());
  stats.pids = {usage.processes, usage.processes_limit};
  set_disks(stats.blkio, usage);
  api::PressureStats pressure{parse_pressure(usage.cpu_pressure.view()),
                              parse_pressure(usage.memory_pressure.view()),
                              parse_pressure(usage.io_pressure.view())};
  if (pressure.cpu || pressure.memory || pressure.io) stats.pressure = std::move(pressure);
}

}  // namespace

std::optional<api::Pressure> parse_pressure(std::string_view text) {
  std::optional<api::Pressure> pressure;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    const std::string_view kind = take(line, ' ');
    if (kind != "some" && kind != "full") continue;
    api::PressureLine read;
    while (!line.empty()) {
      std::string_view value = take(line, ' ');
      const std::string_view key = take(value, '=');
      if (key == "avg10") read.avg10 = number_of<double>(value);
      if (key == "avg60") read.avg60 = number_of<double>(value);
      if (key == "avg300") read.avg300 = number_of<double>(value);
      if (key == "total") read.total = number_of<std::uint64_t>(value);
    }
    if (!pressure) pressure.emplace();
    if (kind == "some") {
      pressure->some = read;
    } else {
      pressure->full = read;
    }
  }
  return pressure;
}

std::map<std::string, api::NetworkStats> parse_network_devices(std::string_view text) {
  std::map<std::string, api::NetworkStats> devices;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    const std::size_t colon = line.rfind(':');
    if (colon == std::string_view::npos) continue;
    const std::string name(base::trim(line.substr(0, colon)));
    const std::vector<std::uint64_t> n = numbers_of(line.substr(colon + 1));
    // bytes packets errs drop fifo frame compressed multicast, and eight for the other direction.
    if (name == "lo" || n.size() < 12) continue;
    devices[name] = {n[0], n[1], n[2], n[3], n[8], n[9], n[10], n[11]};
  }
  return devices;
}

bool Probe::open(const Settings& settings, const Record& record, std::uint64_t run) {
  if (run_ == run && group_.count() != 0) return true;
  group_.close();
  base::Failure failure;
  const std::string path = cgroup_path(record, settings);
  if (!group_.open(hierarchies(), path, failure, cgroup::manager_of(path))) return false;
  run_ = run;
  return true;
}

api::ContainerStats Probe::look(const Settings& settings) {
  api::ContainerStats stats;
  stats.id = container_->id;
  stats.name = "/" + container_->name();
  stats.read = stats.preread = base::rfc3339_nano({});
  const auto run = container_->view().run();
  if (!run) return stats;
  const Record record = container_->record();
  // Too large for a thread's stack by far more than it needs.
  const auto usage = std::make_unique<cgroup::Usage>();
  if (!open(settings, record, run->number) || !cgroup::read_usage(group_, *usage)) {
    run_ = 0;
    return stats;
  }
  stats.read = base::rfc3339_nano(base::now());
  set_usage(stats, *usage);
  if (record.host.network_mode == "host") return stats;
  try {
    stats.networks = parse_network_devices(
        os::read_file(fmt::format("/proc/{}/net/dev", run->task.pid()), kDevicesLimit));
  } catch (const base::Error&) {
    // It has just ended.
  }
  return stats;
}

void set_before(api::ContainerStats& now, const api::ContainerStats& before) {
  now.preread = before.read;
  now.precpu = before.cpu;
}

}  // namespace wharf::container
