// The process object of config.json: arguments, user, capabilities, limits.
#include <linux/capability.h>
#include <sys/resource.h>

#include <array>

#include "oci/spec_reader.h"

namespace wharf::oci {

using base::JsonNode;

namespace {

constexpr auto kCapabilities = std::to_array<std::string_view>({"CAP_CHOWN",
                                                                "CAP_DAC_OVERRIDE",
                                                                "CAP_DAC_READ_SEARCH",
                                                                "CAP_FOWNER",
                                                                "CAP_FSETID",
                                                                "CAP_KILL",
                                                                "CAP_SETGID",
                                                                "CAP_SETUID",
                                                                "CAP_SETPCAP",
                                                                "CAP_LINUX_IMMUTABLE",
                                                                "CAP_NET_BIND_SERVICE",
                                                                "CAP_NET_BROADCAST",
                                                                "CAP_NET_ADMIN",
                                                                "CAP_NET_RAW",
                                                                "CAP_IPC_LOCK",
                                                                "CAP_IPC_OWNER",
                                                                "CAP_SYS_MODULE",
                                                                "CAP_SYS_RAWIO",
                                                                "CAP_SYS_CHROOT",
                                                                "CAP_SYS_PTRACE",
                                                                "CAP_SYS_PACCT",
                                                                "CAP_SYS_ADMIN",
                                                                "CAP_SYS_BOOT",
                                                                "CAP_SYS_NICE",
                                                                "CAP_SYS_RESOURCE",
                                                                "CAP_SYS_TIME",
                                                                "CAP_SYS_TTY_CONFIG",
                                                                "CAP_MKNOD",
                                                                "CAP_LEASE",
                                                                "CAP_AUDIT_WRITE",
                                                                "CAP_AUDIT_CONTROL",
                                                                "CAP_SETFCAP",
                                                                "CAP_MAC_OVERRIDE",
                                                                "CAP_MAC_ADMIN",
                                                                "CAP_SYSLOG",
                                                                "CAP_WAKE_ALARM",
                                                                "CAP_BLOCK_SUSPEND",
                                                                "CAP_AUDIT_READ",
                                                                "CAP_PERFMON",
                                                                "CAP_BPF",
                                                                "CAP_CHECKPOINT_RESTORE"});

struct LimitName {
  std::string_view name;
  int resource;
};
constexpr LimitName kLimits[] = {
    {"RLIMIT_CPU", RLIMIT_CPU},           {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_DATA", RLIMIT_DATA},         {"RLIMIT_STACK", RLIMIT_STACK},
    {"RLIMIT_CORE", RLIMIT_CORE},         {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_NPROC", RLIMIT_NPROC},       {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},   {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},       {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE}, {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},     {"RLIMIT_RTTIME", RLIMIT_RTTIME}};

constexpr const char* kSets[] = {"bounding", "effective", "inheritable", "permitted", "ambient"};

/// How many names are unknown: they are left out, so that one spec serves many kernels.
std::size_t read_set(SpecReader& reader, const JsonNode& parent, const char* name,
                     std::uint64_t& bits) {
  std::size_t unknown = 0;
  for (const JsonNode& node : reader.array(parent, name)) {
    const int number = capability_number(reader.string(node, name));
    if (number >= 0) bits |= std::uint64_t{1} << number;
    unknown += number < 0 ? 1 : 0;
  }
  return unknown;
}

void keep_unmapped(SpecReader& reader, const JsonNode& sets, Process& process, std::size_t count) {
  if (count == 0 || !reader.ok()) return;
  process.unmapped_capabilities = reader.make<std::string_view>(count);
  std::size_t index = 0;
  for (const char* name : kSets) {
    for (const JsonNode& node : reader.array(sets, name)) {
      if (capability_number(node.text) >= 0) continue;
      if (index < process.unmapped_capabilities.size()) {
        process.unmapped_capabilities[index++] = node.text;
      }
    }
  }
}

void read_capabilities(SpecReader& reader, const JsonNode& node, Process& process) {
  if (!node.present()) return;
  Capabilities& sets = process.capabilities.emplace();
  std::uint64_t* bits[] = {&sets.bounding, &sets.effective, &sets.inheritable, &sets.permitted,
                           &sets.ambient};
  std::size_t unknown = 0;
  for (std::size_t i = 0; i < std::size(kSets); ++i) {
    unknown += read_set(reader, node, kSets[i], *bits[i]);
  }
  keep_unmapped(reader, node, process, unknown);
}

void read_limit(SpecReader& reader, const JsonNode& node, Rlimit& into) {
  std::string_view type;
  reader.read(node, "type", type);
  reader.read(node, "soft", into.soft);
  reader.read(node, "hard", into.hard);
  if (into.soft > into.hard)
    reader.refuse("process.rlimits", type, "is softly above its hard limit");
  for (const LimitName& known : kLimits) {
    if (known.name != type) continue;
    into.resource = known.resource;
    return;
  }
  reader.refuse("process.rlimits", type, "is no limit");
}

void refuse_twins(SpecReader& reader, std::span<const Rlimit> limits) {
  std::uint32_t seen = 0;
  for (const Rlimit& limit : limits) {
    const std::uint32_t bit = std::uint32_t{1} << limit.resource;
    if ((seen & bit) == 0) {
      seen |= bit;
      continue;
    }
    for (const LimitName& known : kLimits) {
      if (known.resource != limit.resource) continue;
      reader.refuse("process.rlimits", known.name, "is given twice");
    }
  }
}

void read_user(SpecReader& reader, const JsonNode& node, Process& process) {
  reader.read(node, "uid", process.uid);
  reader.read(node, "gid", process.gid);
  reader.read(node, "umask", process.umask);
  const JsonNode& groups = reader.array(node, "additionalGids");
  if (groups.count == 0) return;
  process.additional_gids = reader.make<std::uint32_t>(groups.count);
  std::size_t index = 0;
  for (const JsonNode& group : groups) {
    std::uint64_t gid = 0;
    if (group.kind != JsonNode::Kind::Number || !base::parse_number(group.text, gid) ||
        gid > UINT32_MAX) {
      return reader.wrong("process.user.additionalGids", "numbers");
    }
    if (index < process.additional_gids.size()) {
      process.additional_gids[index++] = static_cast<std::uint32_t>(gid);
    }
  }
}

void read_io_priority(SpecReader& reader, const JsonNode& node, Process& process) {
  if (!node.present()) return;
  std::string_view name;
  int priority = 0;
  reader.read(node, "class", name);
  reader.read(node, "priority", priority);
  const int kind = name == "IOPRIO_CLASS_RT"     ? 1
                   : name == "IOPRIO_CLASS_BE"   ? 2
                   : name == "IOPRIO_CLASS_IDLE" ? 3
                                                 : 0;
  if (kind == 0) return reader.refuse("process.ioPriority.class", name, "is unknown");
  if (priority < 0 || priority > 7) return reader.wrong("process.ioPriority", "from 0 to 7");
  process.io_priority = kind << 13 | priority;
}

struct PolicyName {
  std::string_view name;
  std::uint32_t policy;
};
constexpr std::uint32_t kOther = 0, kFifo = 1, kRoundRobin = 2, kBatch = 3, kDeadline = 6;
constexpr PolicyName kPolicies[] = {
    {"SCHED_OTHER", kOther},      {"SCHED_FIFO", kFifo}, {"SCHED_RR", kRoundRobin},
    {"SCHED_BATCH", kBatch},      {"SCHED_ISO", 4},      {"SCHED_IDLE", 5},
    {"SCHED_DEADLINE", kDeadline}};

struct FlagName {
  std::string_view name;
  std::uint64_t flag;
};
/// From linux/sched.h, which cannot be included beside <sched.h>.
constexpr FlagName kSchedulerFlags[] = {
    {"SCHED_FLAG_RESET_ON_FORK", 0x01}, {"SCHED_FLAG_RECLAIM", 0x02},
    {"SCHED_FLAG_DL_OVERRUN", 0x04},    {"SCHED_FLAG_KEEP_POLICY", 0x08},
    {"SCHED_FLAG_KEEP_PARAMS", 0x10},   {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
    {"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40}};

/// What belongs to another policy would be dropped by the kernel without a word.
void check_scheduler(SpecReader& reader, const Scheduler& given) {
  const bool realtime = given.policy == kFifo || given.policy == kRoundRobin;
  const bool deadline = given.runtime_ns != 0 || given.deadline_ns != 0 || given.period_ns != 0;
  if (given.nice < -20 || given.nice > 19) {
    reader.wrong("process.scheduler.nice", "from -20 to 19");
  }
  if (given.priority != 0 && !realtime) {
    reader.wrong("process.scheduler.priority",
                 "absent unless the policy is SCHED_FIFO or SCHED_RR");
  }
  if (deadline && given.policy != kDeadline) {
    reader.wrong("process.scheduler.runtime", "absent unless the policy is SCHED_DEADLINE");
  }
}

void read_scheduler(SpecReader& reader, const JsonNode& node, Process& process) {
  if (!node.present()) return;
  Scheduler& given = process.scheduler.emplace();
  std::string_view policy;
  reader.read(node, "policy", policy);
  reader.read(node, "nice", given.nice);
  reader.read(node, "priority", given.priority);
  reader.read(node, "runtime", given.runtime_ns);
  reader.read(node, "deadline", given.deadline_ns);
  reader.read(node, "period", given.period_ns);
  bool known_policy = false;
  for (const PolicyName& known : kPolicies) {
    if (known.name != policy) continue;
    given.policy = known.policy;
    known_policy = true;
  }
  if (!known_policy) reader.refuse("process.scheduler.policy", policy, "is unknown");
  for (const JsonNode& flag : reader.array(node, "flags")) {
    std::uint64_t bit = 0;
    for (const FlagName& known : kSchedulerFlags) {
      if (known.name == flag.text) bit = known.flag;
    }
    if (bit == 0) reader.refuse("process.scheduler.flags", flag.text, "is unknown");
    given.flags |= bit;
  }
  check_scheduler(reader, given);
}

}  // namespace

int capability_number(std::string_view name) {
  int number = 0;
  for (const std::string_view known : kCapabilities) {
    if (known == name) return number;
    ++number;
  }
  return -1;
}

std::string_view capability_name(unsigned number) {
  return number < kCapabilities.size() ? kCapabilities[number] : std::string_view();
}

void read_process(SpecReader& reader, const JsonNode& node, Process& process) {
  reader.read(node, "terminal", process.terminal);
  const JsonNode& size = reader.object(node, "consoleSize");
  reader.read(size, "height", process.console_rows);
  reader.read(size, "width", process.console_columns);
  read_user(reader, reader.object(node, "user"), process);
  reader.read(node, "args", process.args);
  reader.read(node, "env", process.env);
  reader.read(node, "cwd", process.cwd);
  read_capabilities(reader, reader.object(node, "capabilities"), process);
  reader.read(node, "rlimits", process.rlimits,
              [&](const JsonNode& each, Rlimit& into) { read_limit(reader, each, into); });
  refuse_twins(reader, process.rlimits);
  reader.read(node, "oomScoreAdj", process.oom_score_adj);
  reader.read(node, "noNewPrivileges", process.no_new_privileges);
  reader.read(node, "apparmorProfile", process.apparmor_profile);
  reader.read(node, "selinuxLabel", process.selinux_label);
  read_io_priority(reader, reader.object(node, "ioPriority"), process);
  read_scheduler(reader, reader.object(node, "scheduler"), process);
  if (process.args.empty()) reader.wrong("process.args", "given");
  if (process.cwd.empty() || process.cwd[0] != '/') {
    reader.refuse("process.cwd", process.cwd, "is no absolute path");
  }
}

}  // namespace wharf::oci
