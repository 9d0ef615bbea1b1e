#include "container/seccomp.h"

#include <gtest/gtest.h>
#include <linux/filter.h>

#include <set>

#include "base/error.h"
#include "container/capabilities.h"
#include "os/file.h"
#include "os/seccomp.h"

namespace wharf::container {
namespace {

using Names = std::vector<std::string>;

bool allows(const base::Json& resolved, std::string_view call) {
  for (const base::Json& rule : resolved.at("syscalls").as_array()) {
    if (rule.at("action") != "SCMP_ACT_ALLOW" || rule.as_object().contains("args")) continue;
    for (const base::Json& name : rule.at("names").as_array()) {
      if (name.as_string() == call) return true;
    }
  }
  return false;
}

TEST(SeccompProfile, OpensCallsByCapability) {
  const base::Json profile = base::parse_json(default_seccomp_profile());
  const base::Json plain = resolve_seccomp(profile, effective_capabilities({}));
  EXPECT_TRUE(allows(plain, "read"));
  EXPECT_TRUE(allows(plain, "chroot"));
  EXPECT_TRUE(allows(plain, "ptrace"));
  EXPECT_TRUE(allows(plain, "arch_prctl"));
  for (const char* call : {"mount", "unshare", "bpf", "keyctl", "io_uring_setup", "userfaultfd",
                           "reboot", "init_module", "cacheflush", "s390_runtime_instr"}) {
    EXPECT_FALSE(allows(plain, call)) << call;
  }
  const base::Json admin = resolve_seccomp(profile, {"CAP_SYS_ADMIN"});
  EXPECT_TRUE(allows(admin, "mount"));
  EXPECT_TRUE(allows(admin, "clone3"));
}

// Docker: 361 calls for everybody, 26 more with CAP_SYS_ADMIN, 33 rules in all.
TEST(SeccompProfile, HasTheCallsOfDockers) {
  const base::Json profile = base::parse_json(default_seccomp_profile());
  const base::JsonArray& rules = profile.at("syscalls").as_array();
  EXPECT_EQ(rules.size(), 33U);
  EXPECT_EQ(rules.at(0).at("names").as_array().size(), 361U);
  const base::Json plain = resolve_seccomp(profile, {});
  const base::Json admin = resolve_seccomp(profile, {"CAP_SYS_ADMIN"});
  EXPECT_TRUE(allows(plain, "statmount"));
  EXPECT_TRUE(allows(plain, "listmount"));
  for (const char* call : {"lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules"}) {
    EXPECT_FALSE(allows(plain, call)) << call;
    EXPECT_TRUE(allows(admin, call)) << call;
  }
  for (const char* call : {"open_tree_attr", "file_getattr", "file_setattr", "listns"}) {
    EXPECT_FALSE(allows(admin, call)) << call;
  }
}

std::set<std::string> calls_allowed(const base::Json& profile, const Names& capabilities) {
  std::set<std::string> calls;
  const base::Json resolved = resolve_seccomp(profile, capabilities);
  for (const base::Json& rule : resolved.at("syscalls").as_array()) {
    if (rule.at("action") != "SCMP_ACT_ALLOW" || rule.as_object().contains("args")) continue;
    for (const base::Json& name : rule.at("names").as_array()) {
      calls.emplace(std::string_view(name.as_string()));
    }
  }
  return calls;
}

// Docker: what each capability adds, and to nobody else.
TEST(SeccompProfile, GivesEachCapabilityItsCalls) {
  const std::map<std::string, std::set<std::string>> table = {
      {"CAP_DAC_READ_SEARCH", {"open_by_handle_at"}},
      {"CAP_SYS_ADMIN",
       {"bpf",
        "clone",
        "clone3",
        "fanotify_init",
        "fsconfig",
        "fsmount",
        "fsopen",
        "fspick",
        "lookup_dcookie",
        "lsm_get_self_attr",
        "lsm_list_modules",
        "lsm_set_self_attr",
        "mount",
        "mount_setattr",
        "move_mount",
        "open_tree",
        "perf_event_open",
        "quotactl",
        "quotactl_fd",
        "setdomainname",
        "sethostname",
        "setns",
        "syslog",
        "umount",
        "umount2",
        "unshare"}},
      {"CAP_SYS_BOOT", {"reboot"}},
      {"CAP_SYS_CHROOT", {"chroot"}},
      {"CAP_SYS_MODULE", {"delete_module", "init_module", "finit_module"}},
      {"CAP_SYS_PACCT", {"acct"}},
      {"CAP_SYS_PTRACE", {"kcmp", "pidfd_getfd", "process_madvise"}},
      {"CAP_SYS_RAWIO", {"ioperm", "iopl"}},
      {"CAP_SYS_TIME", {"settimeofday", "stime", "clock_settime", "clock_settime64"}},
      {"CAP_SYS_TTY_CONFIG", {"vhangup"}},
      {"CAP_SYS_NICE", {"get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"}},
      {"CAP_SYSLOG", {"syslog"}},
      {"CAP_BPF", {"bpf"}},
      {"CAP_PERFMON", {"perf_event_open"}},
      {"CAP_NET_ADMIN", {}},
      {"CAP_SYS_RESOURCE", {}}};
  const base::Json profile = base::parse_json(default_seccomp_profile());
  const std::set<std::string> plain = calls_allowed(profile, {});
  // 361, the three of ptrace that the kernel guards since 4.8, arch_prctl and modify_ldt.
  EXPECT_EQ(plain.size(), 366U);
  for (const auto& [capability, expected] : table) {
    std::set<std::string> more = calls_allowed(profile, {capability});
    for (const std::string& call : plain) more.erase(call);
    EXPECT_EQ(more, expected) << capability;
  }
}

TEST(SeccompProfile, NamesOnlyCallsThatAreKnownOrAnotherMachines) {
  const base::Json profile = base::parse_json(default_seccomp_profile());
  std::vector<std::string> unknown;
  for (const std::string& call : calls_allowed(profile, kernel_capabilities())) {
    if (os::find_syscall(call) == nullptr) unknown.push_back(call);
  }
  EXPECT_EQ(unknown, (std::vector<std::string>{"recv", "riscv_hwprobe", "send"}));
}

// Docker: sockets but AF_ALG and AF_VSOCK, five personalities, clone without namespaces.
TEST(SeccompProfile, LooksAtArgumentsOfThreeCalls) {
  const base::Json resolved = resolve_seccomp(base::parse_json(default_seccomp_profile()), {});
  std::multiset<std::string> seen;
  for (const base::Json& rule : resolved.at("syscalls").as_array()) {
    const base::Json* checks = rule.as_object().if_contains("args");
    if (checks == nullptr) continue;
    const base::JsonObject& check = checks->as_array().at(0).as_object();
    seen.insert(fmt::format("{} {} {}", std::string_view(rule.at("names").at(0).as_string()),
                            std::string_view(check.at("op").as_string()),
                            check.at("value").to_number<std::uint64_t>()));
  }
  EXPECT_EQ(seen, (std::multiset<std::string>{
                      "clone SCMP_CMP_MASKED_EQ 2114060288", "personality SCMP_CMP_EQ 0",
                      "personality SCMP_CMP_EQ 131072", "personality SCMP_CMP_EQ 131080",
                      "personality SCMP_CMP_EQ 4294967295", "personality SCMP_CMP_EQ 8",
                      "socket SCMP_CMP_EQ 39", "socket SCMP_CMP_GT 40", "socket SCMP_CMP_LT 38"}));
}

TEST(SeccompFilters, AreCompiledOncePerProfileAndCapabilities) {
  SeccompFilters filters("builtin");
  const os::Fd first = filters.filter({}, {}).file;
  const os::Fd second = filters.filter({}, {}).file;
  ASSERT_TRUE(first.valid());
  EXPECT_EQ(os::status(first).st_ino, os::status(second).st_ino);
  EXPECT_EQ(os::status(first).st_size % static_cast<off_t>(sizeof(sock_filter)), 0);
  EXPECT_GT(os::status(first).st_size, 0);
}

TEST(SeccompFilters, AreNotMadeWhereEverythingIsAllowed) {
  SeccompFilters filters("builtin");
  SecurityOptions unconfined;
  unconfined.seccomp = "unconfined";
  EXPECT_FALSE(filters.filter({}, unconfined).file.valid());
  api::HostConfig privileged;
  privileged.privileged = true;
  EXPECT_FALSE(filters.filter(privileged, {}).file.valid());
}

TEST(SeccompFilters, LeaveProfilesWithFlagsOrAnAgentToTheRuntime) {
  SeccompFilters filters("builtin");
  SecurityOptions options;
  options.seccomp = R"({"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/a","listenerMetadata":"m",
      "syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}]})";
  const SeccompFilter agent = filters.filter({}, options);
  EXPECT_FALSE(agent.file.valid());
  EXPECT_EQ(agent.profile.at("listenerPath").as_string(), "/a");
  EXPECT_EQ(agent.profile.at("listenerMetadata").as_string(), "m");
  options.seccomp = R"({"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_LOG"],
      "syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO"}]})";
  EXPECT_FALSE(filters.filter({}, options).profile.is_null());
}

TEST(SeccompFilters, RefuseWhatIsNoProfile) {
  SeccompFilters filters("builtin");
  for (const char* bad :
       {"{bad", "[]", "/no/file", R"({"defaultAction":"X"})", R"({"syscalls":[1]})"}) {
    SecurityOptions options;
    options.seccomp = bad;
    EXPECT_THROW(filters.filter({}, options), base::Error) << bad;
  }
}

}  // namespace
}  // namespace wharf::container
