#include "container/capabilities.h"

#include <sys/prctl.h>

#include "base/error.h"
#include "base/strings.h"

namespace wharf::container {

namespace {

using Names = std::vector<std::string>;

// capabilities(7), by number.
constexpr std::array kAll = {"CHOWN",
                             "DAC_OVERRIDE",
                             "DAC_READ_SEARCH",
                             "FOWNER",
                             "FSETID",
                             "KILL",
                             "SETGID",
                             "SETUID",
                             "SETPCAP",
                             "LINUX_IMMUTABLE",
                             "NET_BIND_SERVICE",
                             "NET_BROADCAST",
                             "NET_ADMIN",
                             "NET_RAW",
                             "IPC_LOCK",
                             "IPC_OWNER",
                             "SYS_MODULE",
                             "SYS_RAWIO",
                             "SYS_CHROOT",
                             "SYS_PTRACE",
                             "SYS_PACCT",
                             "SYS_ADMIN",
                             "SYS_BOOT",
                             "SYS_NICE",
                             "SYS_RESOURCE",
                             "SYS_TIME",
                             "SYS_TTY_CONFIG",
                             "MKNOD",
                             "LEASE",
                             "AUDIT_WRITE",
                             "AUDIT_CONTROL",
                             "SETFCAP",
                             "MAC_OVERRIDE",
                             "MAC_ADMIN",
                             "SYSLOG",
                             "WAKE_ALARM",
                             "BLOCK_SUSPEND",
                             "AUDIT_READ",
                             "PERFMON",
                             "BPF",
                             "CHECKPOINT_RESTORE"};

// Docker: what a container has unless told otherwise.
constexpr std::array kDefault = {
    "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
    "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
    "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
    "CAP_KILL",    "CAP_AUDIT_WRITE"};

bool contains(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

const Names& kernel_capabilities() {
  static const Names kKnown = [] {
    Names names;
    for (std::size_t i = 0; i < kAll.size(); ++i) {
      const int bounded = ::prctl(PR_CAPBSET_READ, i, 0, 0, 0);
      if (bounded < 0) break;
      if (bounded == 1) names.push_back(std::string("CAP_") + kAll[i]);
    }
    return names;
  }();
  return kKnown;
}

Names checked_capabilities(const api::Strings& names, const char* field) {
  Names checked;
  for (const std::string& name : names.value_or(Names{})) {
    std::string upper;
    for (const char c : name)
      upper += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    if (upper == "ALL") {
      checked.push_back(upper);
      continue;
    }
    if (!upper.starts_with("CAP_")) upper = "CAP_" + upper;
    if (!contains(kernel_capabilities(), upper)) {
      const std::string_view bare = std::string_view(upper).substr(4);
      if (std::find(kAll.begin(), kAll.end(), bare) != kAll.end()) {
        base::fail(base::Kind::InvalidArgument,
                   "invalid {}: capability not supported by your kernel or not available in the "
                   "current environment: {}",
                   field, base::quoted(upper));
      }
      base::fail(base::Kind::InvalidArgument, "invalid {}: unknown capability: {}", field,
                 base::quoted(upper));
    }
    checked.push_back(upper);
  }
  return checked;
}

Names effective_capabilities(const api::HostConfig& config) {
  if (config.privileged) return kernel_capabilities();
  const Names add = checked_capabilities(config.cap_add, "CapAdd");
  const Names drop = checked_capabilities(config.cap_drop, "CapDrop");
  Names result;
  if (contains(add, "ALL")) {
    result = kernel_capabilities();
  } else if (contains(drop, "ALL")) {
    // Docker: dropping all leaves exactly what is added, whatever else is dropped.
    for (const std::string& name : add) {
      if (!contains(result, name)) result.push_back(name);
    }
    return result;
  } else {
    result.assign(kDefault.begin(), kDefault.end());
    for (const std::string& name : add) {
      if (!contains(result, name)) result.push_back(name);
    }
  }
  std::erase_if(result, [&](const std::string& name) { return contains(drop, name); });
  // With ALL added and ALL dropped nothing is left but what is named as well.
  if (contains(drop, "ALL")) result.clear();
  return result;
}

}  // namespace wharf::container
