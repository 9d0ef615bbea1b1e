#include "container/seccomp.h"

#include <gtest/gtest.h>
#include <linux/filter.h>

#include "base/error.h"
#include "container/capabilities.h"
#include "os/file.h"

namespace wharf::container {
namespace {

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
