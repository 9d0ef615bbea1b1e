// Limits: what Docker accepts, and what this machine can enforce.
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstring>

#include "base/error.h"
#include "base/strings.h"
#include "container/checks.h"
#include "os/file.h"

namespace wharf::container {

namespace {

using base::Kind;

constexpr std::int64_t kLeastMemory = 6 << 20;

[[noreturn]] void bad(const std::string& text) {
  base::fail(Kind::InvalidArgument, "{}", text);
}

void check_memory(api::Resources& r) {
  if (r.memory != 0 && r.memory < kLeastMemory) bad("Minimum memory limit allowed is 6MB");
  if (r.memory > 0 && r.memory_swap > 0 && r.memory_swap < r.memory) {
    bad("Minimum memoryswap limit should be larger than memory limit, see usage");
  }
  if (r.memory == 0 && r.memory_swap > 0) {
    bad("You should always set the Memory limit when using Memoryswap limit, see usage");
  }
  if (r.memory_swappiness) {
    const std::int64_t swappiness = *r.memory_swappiness;
    if (swappiness < 0 || swappiness > 100) {
      bad(fmt::format("Invalid value: {}, valid memory swappiness range is 0-100", swappiness));
    }
  }
  if (r.memory_reservation != 0 && r.memory_reservation < kLeastMemory) {
    bad("Minimum memory reservation allowed is 6MB");
  }
  if (r.memory > 0 && r.memory_reservation > 0 && r.memory < r.memory_reservation) {
    bad("Minimum memory limit can not be less than memory reservation limit, see usage");
  }
}

void check_nano_cpus(const api::Resources& r) {
  if (r.nano_cpus == 0) return;
  if (r.cpu_period != 0) bad("Conflicting options: Nano CPUs and CPU Period cannot both be set");
  if (r.cpu_quota != 0) bad("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
  const auto cpus = static_cast<std::int64_t>(::sysconf(_SC_NPROCESSORS_ONLN));
  if (r.nano_cpus < 0 || r.nano_cpus > cpus * 1'000'000'000) {
    bad(fmt::format("range of CPUs is from 0.01 to {}.00, as there are only {} CPUs available",
                    cpus, cpus));
  }
}

void check_cpu(api::Resources& r, Warnings& warnings) {
  if (r.cpu_shares < 0) {
    bad(fmt::format("invalid CPU shares ({}): value must be a positive integer", r.cpu_shares));
  }
  check_nano_cpus(r);
  if (r.cpu_period != 0 && (r.cpu_period < 1000 || r.cpu_period > 1'000'000)) {
    bad("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
  }
  if (r.cpu_quota > 0 && r.cpu_quota < 1000) {
    bad("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  }
  if (r.cpu_percent > 0) {
    warnings.push_back("linux does not support CPU percent. Percent discarded.");
    r.cpu_percent = 0;
  }
  if (r.cpu_realtime_period != 0 || r.cpu_realtime_runtime != 0) {
    if (::access("/sys/fs/cgroup/cpu/cpu.rt_runtime_us", F_OK) != 0) {
      bad("kernel does not support CPU real-time scheduler");
    }
    if (r.cpu_realtime_period != 0 && r.cpu_realtime_runtime > r.cpu_realtime_period) {
      bad("cpu real-time runtime cannot be higher than cpu real-time period");
    }
  }
}

void check_set(const std::string& wanted, const char* what, const char* available_file) {
  if (wanted.empty()) return;
  std::vector<int> asked;
  try {
    asked = parse_cpu_list(wanted);
  } catch (const base::Error& error) {
    bad(fmt::format("Invalid value {} for cpuset {}: {}", wanted, what, error.what()));
  }
  const auto text = os::read_file_if_exists(available_file);
  if (!text) return;
  const std::string available(base::trim(*text));
  const std::vector<int> there = parse_cpu_list(available);
  for (const int each : asked) {
    if (std::find(there.begin(), there.end(), each) == there.end()) {
      bad(fmt::format("Requested {} are not available - requested {}, available: {}",
                      std::string(what) == "cpus" ? "CPUs" : "memory nodes", wanted, available));
    }
  }
}

void check_block_io(api::Resources& r, Warnings& warnings) {
  const bool has_weight = ::access("/sys/fs/cgroup/blkio/blkio.weight", F_OK) == 0 ||
                          ::access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
  if (r.blkio_weight > 0 && !has_weight) {
    warnings.push_back(
        "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight "
        "discarded.");
    r.blkio_weight = 0;
  }
  if (r.blkio_weight > 0 && (r.blkio_weight < 10 || r.blkio_weight > 1000)) {
    bad("Range of blkio weight is from 10 to 1000");
  }
  if (r.io_maximum_bandwidth != 0) {
    bad("invalid option: QoS maximum bandwidth configuration is not supported on linux");
  }
  if (r.io_maximum_iops != 0) {
    bad("invalid option: QoS maximum IOPs configuration is not supported on linux");
  }
  if (r.blkio_weight_device && !r.blkio_weight_device->empty() && !has_weight) {
    warnings.push_back(
        "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. "
        "Weight-device discarded.");
    r.blkio_weight_device = std::vector<api::WeightDevice>{};
  }
}

bool valid_permissions(std::string_view text) {
  return !text.empty() && text.find_first_not_of("rwm") == std::string_view::npos;
}

/// "c 1:3 rwm", "b *:* r", "a 7:* rwm".
bool valid_device_rule(const std::string& rule) {
  const auto parts = base::split(rule, ' ');
  if (parts.size() != 3 || parts[0].size() != 1 || !std::strchr("abc", parts[0][0])) return false;
  const auto numbers = base::split(parts[1], ':');
  const auto is_number = [](const std::string& text) {
    return text == "*" ||
           (!text.empty() && text.find_first_not_of("0123456789") == std::string::npos);
  };
  return numbers.size() == 2 && is_number(numbers[0]) && is_number(numbers[1]) &&
         valid_permissions(parts[2]) && parts[2].size() <= 3;
}

void check_devices(const api::Resources& r) {
  for (const auto& device : r.devices.value_or(std::vector<api::DeviceMapping>{})) {
    if (!device.cgroup_permissions.empty() && !valid_permissions(device.cgroup_permissions)) {
      bad(fmt::format("invalid device permissions: {}", device.cgroup_permissions));
    }
  }
  for (const auto& rule : r.device_cgroup_rules.value_or(std::vector<std::string>{})) {
    if (!valid_device_rule(rule)) bad(fmt::format("invalid device cgroup rule format: '{}'", rule));
  }
  for (const auto& request : r.device_requests.value_or(std::vector<api::DeviceRequest>{})) {
    if (request.count != 0 && request.device_ids && !request.device_ids->empty()) {
      bad("cannot set both Count and DeviceIDs on device request");
    }
  }
}

}  // namespace

std::vector<int> parse_cpu_list(const std::string& text) {
  std::vector<int> numbers;
  const auto number = [&](std::string_view digits) {
    int value = -1;
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (failed != std::errc() || end != digits.data() + digits.size() || value < 0 ||
        value >= 8192) {
      base::fail(Kind::InvalidArgument, "invalid format: {}", text);
    }
    return value;
  };
  for (const std::string& part : base::split(text, ',')) {
    const std::size_t dash = part.find('-');
    const int first = number(std::string_view(part).substr(0, dash));
    const int last =
        dash == std::string::npos ? first : number(std::string_view(part).substr(dash + 1));
    if (last < first) base::fail(Kind::InvalidArgument, "invalid format: {}", text);
    for (int i = first; i <= last; ++i) numbers.push_back(i);
  }
  return numbers;
}

void check_resources(api::Resources& resources, Warnings& warnings) {
  check_memory(resources);
  check_cpu(resources, warnings);
  check_set(resources.cpuset_cpus, "cpus", "/sys/devices/system/cpu/online");
  check_set(resources.cpuset_mems, "mems", "/sys/devices/system/node/online");
  check_block_io(resources, warnings);
  check_devices(resources);
}

}  // namespace wharf::container
