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

void read_set(SpecReader& reader, const JsonNode& parent, const char* name, std::uint64_t& bits) {
  for (const JsonNode& node : reader.array(parent, name)) {
    const int number = capability_number(reader.string(node, name));
    // As runc: a capability that this kernel does not know is left out, not an error, so that
    // one spec serves many kernels.
    if (number >= 0) bits |= std::uint64_t{1} << number;
  }
}

void read_limit(SpecReader& reader, const JsonNode& node, Rlimit& into) {
  std::string_view type;
  reader.read(node, "type", type);
  reader.read(node, "soft", into.soft);
  reader.read(node, "hard", into.hard);
  for (const LimitName& known : kLimits) {
    if (known.name != type) continue;
    into.resource = known.resource;
    return;
  }
  reader.refuse("process.rlimits", type, "is no limit");
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
  const JsonNode& capabilities = reader.object(node, "capabilities");
  if (capabilities.present()) {
    Capabilities& sets = process.capabilities.emplace();
    read_set(reader, capabilities, "bounding", sets.bounding);
    read_set(reader, capabilities, "effective", sets.effective);
    read_set(reader, capabilities, "inheritable", sets.inheritable);
    read_set(reader, capabilities, "permitted", sets.permitted);
    read_set(reader, capabilities, "ambient", sets.ambient);
  }
  reader.read(node, "rlimits", process.rlimits,
              [&](const JsonNode& each, Rlimit& into) { read_limit(reader, each, into); });
  reader.read(node, "oomScoreAdj", process.oom_score_adj);
  reader.read(node, "noNewPrivileges", process.no_new_privileges);
  reader.read(node, "apparmorProfile", process.apparmor_profile);
  reader.read(node, "selinuxLabel", process.selinux_label);
  read_io_priority(reader, reader.object(node, "ioPriority"), process);
  if (reader.object(node, "scheduler").present()) {
    reader.wrong("process.scheduler", "absent: this runtime sets no scheduler");
  }
  if (process.args.empty()) reader.wrong("process.args", "given");
  if (process.cwd.empty() || process.cwd[0] != '/') {
    reader.refuse("process.cwd", process.cwd, "is no absolute path");
  }
}

}  // namespace wharf::oci
