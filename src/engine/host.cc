#include "engine/host.h"

#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/strings.h"
#include "os/file.h"

namespace wharf::engine {
namespace {

/// KEY="value" lines of os-release(5).
std::string os_release(const std::string& text, const std::string& key) {
  for (const std::string& line : base::split(text, '\n')) {
    if (!line.starts_with(key + "=")) continue;
    std::string value = line.substr(key.size() + 1);
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\''))
      value = value.substr(1, value.size() - 2);
    return value;
  }
  return {};
}

std::string first_line(const std::string& path) {
  const std::optional<std::string> text = os::read_file_if_exists(path);
  return text ? text->substr(0, text->find('\n')) : std::string();
}

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

std::int64_t entries(const std::string& directory) {
  std::int64_t count = 0;
  std::error_code failed;
  for (auto at = std::filesystem::directory_iterator(directory, failed);
       at != std::filesystem::directory_iterator(); at.increment(failed)) {
    ++count;
  }
  return count;
}

/// Where a v1 controller is mounted, by /proc/self/mountinfo: `docker info` shows what the kernel
/// offers.
std::string v1_mount(const std::string& mounts, const std::string& controller) {
  for (const std::string& line : base::split(mounts, '\n')) {
    if (line.find(" - cgroup ") == std::string::npos) continue;
    const std::vector<std::string> words = base::split(line, ' ');
    const std::vector<std::string> options = base::split(words.back(), ',');
    if (std::ranges::find(options, controller) != options.end() && words.size() > 4)
      return words[4];
  }
  return {};
}

void read_v1(Host& host, const std::string& mounts) {
  const std::string memory = v1_mount(mounts, "memory");
  const std::string cpu = v1_mount(mounts, "cpu");
  host.memory_limit = !memory.empty() && exists(memory + "/memory.limit_in_bytes");
  host.swap_limit = !memory.empty() && exists(memory + "/memory.memsw.limit_in_bytes");
  host.oom_kill_disable = !memory.empty() && exists(memory + "/memory.oom_control");
  host.cpu_cfs = !cpu.empty() && exists(cpu + "/cpu.cfs_quota_us");
  host.cpu_shares = !cpu.empty() && exists(cpu + "/cpu.shares");
  host.cpu_set = !v1_mount(mounts, "cpuset").empty();
  host.pids_limit = !v1_mount(mounts, "pids").empty();
}

void read_v2(Host& host) {
  const std::vector<std::string> given =
      base::split(first_line("/sys/fs/cgroup/cgroup.controllers"), ' ');
  const auto has = [&](const char* name) { return std::ranges::find(given, name) != given.end(); };
  host.memory_limit = has("memory");
  host.swap_limit = has("memory");
  host.cpu_cfs = has("cpu");
  host.cpu_shares = has("cpu");
  host.cpu_set = has("cpuset");
  host.pids_limit = has("pids");
}

}  // namespace

Host read_host() {
  Host host;
  utsname name{};
  ::uname(&name);
  host.name = name.nodename;
  host.kernel = name.release;
  host.machine = name.machine;
  const std::string release = os::read_file_if_exists("/etc/os-release").value_or("");
  host.operating_system = os_release(release, "PRETTY_NAME");
  if (host.operating_system.empty()) host.operating_system = "Linux";
  host.os_version = os_release(release, "VERSION_ID");
  host.cpus = ::sysconf(_SC_NPROCESSORS_ONLN);
  struct sysinfo memory{};
  ::sysinfo(&memory);
  host.memory_bytes = static_cast<std::int64_t>(memory.totalram) * memory.mem_unit;

  host.cgroup2 = exists("/sys/fs/cgroup/cgroup.controllers");
  if (host.cgroup2) {
    read_v2(host);
  } else {
    read_v1(host, os::read_file_if_exists("/proc/self/mountinfo").value_or(""));
  }
  host.ipv4_forwarding = first_line("/proc/sys/net/ipv4/ip_forward") == "1";
  host.seccomp = exists("/proc/sys/kernel/seccomp/actions_avail");
  host.apparmor = first_line("/sys/module/apparmor/parameters/enabled") == "Y";
  return host;
}

std::string default_cgroup_driver() {
  struct stat status{};
  // As sd_booted(3) has it.
  const bool booted = ::lstat("/run/systemd/system", &status) == 0 && S_ISDIR(status.st_mode);
  return booted && exists("/sys/fs/cgroup/cgroup.controllers") ? "systemd" : "cgroupfs";
}

std::int64_t open_descriptors() {
  return entries("/proc/self/fd");
}
std::int64_t running_threads() {
  return entries("/proc/self/task");
}

}  // namespace wharf::engine
