#include "cgroup/scope_properties.h"

#include <fcntl.h>
#include <unistd.h>

#include "cgroup/limits.h"
#include "os/fault.h"

namespace wharf::cgroup {
namespace {

using dbus::Marshal;

constexpr std::uint64_t kInfinity = UINT64_MAX;

/// One (sv): the struct, its name, and the type of the value that the caller puts next.
void begin_property(Marshal& message, std::string_view name, std::string_view type) {
  message.align(8);
  message.text(name);
  message.signature(type);
}

void put(Marshal& message, std::string_view name, std::string_view value) {
  begin_property(message, name, "s");
  message.text(value);
}

void put(Marshal& message, std::string_view name, bool value) {
  begin_property(message, name, "b");
  message.boolean(value);
}

/// A limit; less than nothing is none.
void put(Marshal& message, std::string_view name, std::int64_t value) {
  begin_property(message, name, "t");
  message.number(value < 0 ? kInfinity : static_cast<std::uint64_t>(value));
}

void put_given(Marshal& message, std::string_view name, const oci::OptionalInt& value) {
  if (given(value)) put(message, name, *value);
}

void put_set(Marshal& message, std::string_view name, std::string_view list) {
  base::Text<512> bits;
  // What is no list is refused by the kernel's own file, with a better word.
  if (list.empty() || !put_bits(list, bits)) return;
  begin_property(message, name, "ay");
  const Marshal::Array array = message.open_array(1);
  for (const char eight : bits.view()) message.byte(static_cast<std::uint8_t>(eight));
  message.close_array(array);
}

/// The name that /proc/devices has for a major number, as "pts" for 136.
bool group_of(char type, std::int64_t major, base::Writer& into) {
  const int file = WHARF_CALL(open, "/proc/devices", O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  base::Text<8191> text;
  (void)read_value(AT_FDCWD, "/proc/devices", text);
  ::close(file);
  bool block = false;
  std::string_view rest = text.view();
  while (!rest.empty()) {
    std::string_view line = base::split(rest, '\n');
    if (line.starts_with("Block")) block = true;
    line.remove_prefix(line.find_first_not_of(' ') == line.npos ? line.size()
                                                                : line.find_first_not_of(' '));
    std::int64_t number = 0;
    const bool found = base::parse_number(base::split(line, ' '), number) && number == major;
    if (!found || block != (type == 'b')) continue;
    into.put(line);
    return true;
  }
  return false;
}

bool put_device_name(const oci::DeviceRule& rule, base::Writer& into) {
  const char* kind = rule.type == 'b' ? "block" : "char";
  if (rule.major >= 0 && rule.minor >= 0) {
    into.put("/dev/", kind, "/", rule.major, ":", rule.minor);
    return true;
  }
  into.put(kind, "-");
  // A minor number of whatever major cannot be said; the control files know of it.
  if (rule.major < 0) return rule.minor < 0 && (into.put("*"), true);
  return group_of(rule.type, rule.major, into);
}

void put_device(Marshal& message, const oci::DeviceRule& rule) {
  base::Text<127> name;
  const bool some = rule.read || rule.write || rule.make;
  if (!rule.allow || rule.type == 'a' || !some || !put_device_name(rule, name)) return;
  const base::Text<3> access(rule.read ? "r" : "", rule.write ? "w" : "", rule.make ? "m" : "");
  message.align(8);
  message.text(name.view());
  message.text(access.view());
}

bool allows_all(std::span<const oci::DeviceRule> rules) {
  bool open = false;
  for (const oci::DeviceRule& rule : rules) {
    if (rule.type == 'a' && rule.major < 0 && rule.minor < 0) open = rule.allow;
  }
  return open;
}

/// systemd writes its own rules at each reload. Without these it would allow every device on v1.
void put_devices(Marshal& message, std::span<const oci::DeviceRule> rules) {
  if (allows_all(rules)) return put(message, "DevicePolicy", std::string_view("auto"));
  put(message, "DevicePolicy", std::string_view("strict"));
  begin_property(message, "DeviceAllow", "a(ss)");
  const Marshal::Array array = message.open_array(8);
  for (const oci::DeviceRule& rule : default_devices()) put_device(message, rule);
  for (const oci::DeviceRule& rule : rules) put_device(message, rule);
  message.close_array(array);
}

}  // namespace

bool put_bits(std::string_view list, base::Writer& into) {
  constexpr std::uint64_t kMost = 4095;
  std::uint8_t bytes[(kMost + 1) / 8] = {};
  std::size_t used = 0;
  while (!list.empty()) {
    std::string_view part = base::split(list, ',');
    if (part.ends_with('\n')) part.remove_suffix(1);
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    if (!base::parse_number(base::split(part, '-'), first)) return false;
    last = first;
    if (!part.empty() && !base::parse_number(part, last)) return false;
    if (first > last || last > kMost) return false;
    for (std::uint64_t i = first; i <= last; ++i) {
      bytes[i / 8] = static_cast<std::uint8_t>(bytes[i / 8] | 1U << i % 8);
    }
    if (last / 8 + 1 > used) used = last / 8 + 1;
  }
  into.put(std::string_view(reinterpret_cast<const char*>(bytes), used));
  return !into.truncated();
}

std::uint64_t quota_per_second(std::int64_t quota, std::int64_t period) {
  constexpr std::int64_t kKernelsPeriod = 100'000;
  constexpr std::int64_t kSecond = 1'000'000;
  constexpr std::int64_t kStep = 10'000;
  if (quota < 0) return kInfinity;
  const std::int64_t wanted = quota * kSecond / (period > 0 ? period : kKernelsPeriod);
  // Upwards: the children's quotas, which are exact, have to have room in it.
  return static_cast<std::uint64_t>((wanted + kStep - 1) / kStep * kStep);
}

void Properties::put_memory(Marshal& message, const oci::Memory& memory) const {
  if (!unified) return put_given(message, "MemoryLimit", memory.limit);
  put_given(message, "MemoryMax", memory.limit);
  put_given(message, "MemoryLow", memory.reservation);
  if (!given(memory.swap)) return;
  // v1 limits memory plus swap. What makes no sense is refused where the files are written.
  const std::int64_t limit = memory.limit.value_or(0);
  if (*memory.swap < 0) put(message, "MemorySwapMax", std::int64_t{-1});
  if (limit > 0 && *memory.swap >= limit) put(message, "MemorySwapMax", *memory.swap - limit);
}

void Properties::put_cpu(Marshal& message, const oci::Cpu& cpu) const {
  if (unified && given(cpu.shares) && cpu.idle.value_or(0) == 0)
    put(message, "CPUWeight", weight_of_shares(*cpu.shares));
  if (!unified) put_given(message, "CPUShares", cpu.shares);
  if (given(cpu.period) && release == Release::Current)
    put_given(message, "CPUQuotaPeriodUSec", cpu.period);
  if (given(cpu.quota) || given(cpu.period)) {
    const std::int64_t quota = given(cpu.quota) ? *cpu.quota : -1;
    begin_property(message, "CPUQuotaPerSecUSec", "t");
    message.number(quota_per_second(quota, cpu.period.value_or(0)));
  }
  if (!unified || release == Release::Old) return;
  put_set(message, "AllowedCPUs", cpu.cpus);
  put_set(message, "AllowedMemoryNodes", cpu.mems);
}

void Properties::put_limits(Marshal& message, const oci::Resources& resources) const {
  put_memory(message, resources.memory);
  put_cpu(message, resources.cpu);
  put_given(message, "TasksMax", resources.pids);
  const oci::OptionalInt& weight = resources.block_io.weight;
  if (given(weight) && unified) put(message, "IOWeight", io_weight_of(*weight));
  if (given(weight) && !unified) put(message, "BlockIOWeight", *weight);
}

void Properties::put_new(Marshal& message, const Scope& scope, pid_t pid,
                         const oci::Resources& resources) const {
  const Marshal::Array all = message.open_array(8);
  const base::Text<300> description("container ", scope.name);
  put(message, "Description", description.view());
  put(message, "Slice", scope.slice);
  put(message, "Delegate", true);
  begin_property(message, "PIDs", "au");
  const Marshal::Array pids = message.open_array(4);
  message.number(static_cast<std::uint32_t>(pid));
  message.close_array(pids);
  put(message, "MemoryAccounting", true);
  put(message, "CPUAccounting", true);
  put(message, unified ? "IOAccounting" : "BlockIOAccounting", true);
  put(message, "TasksAccounting", true);
  // It neither waits for the machine's targets nor ends before they do.
  put(message, "DefaultDependencies", false);
  // One that failed is forgotten like one that ended.
  if (release == Release::Current)
    put(message, "CollectMode", std::string_view("inactive-or-failed"));
  put_devices(message, resources.devices);
  put_limits(message, resources);
  message.close_array(all);
}

void Properties::put_changed(Marshal& message, const oci::Resources& resources) const {
  const Marshal::Array all = message.open_array(8);
  put_limits(message, resources);
  message.close_array(all);
}

}  // namespace wharf::cgroup
