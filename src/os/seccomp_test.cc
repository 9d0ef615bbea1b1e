#include "os/seccomp.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>

#include <cerrno>
#include <cstring>

namespace wharf::os {
namespace {

constexpr std::uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr std::uint32_t kEperm = SECCOMP_RET_ERRNO | EPERM;
constexpr std::uint32_t kEnosys = SECCOMP_RET_ERRNO | ENOSYS;

/// What the kernel's interpreter would return for a system call.
std::uint32_t evaluate(std::span<const sock_filter> code, const seccomp_data& data) {
  std::uint32_t accumulator = 0;
  for (std::size_t at = 0; at < code.size(); ++at) {
    const sock_filter& each = code[at];
    switch (each.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + each.k, 4);
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        accumulator &= each.k;
        break;
      case BPF_JMP | BPF_JA:
        at += each.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        at += accumulator == each.k ? each.jt : each.jf;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        at += accumulator >= each.k ? each.jt : each.jf;
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        at += accumulator > each.k ? each.jt : each.jf;
        break;
      case BPF_RET | BPF_K:
        return each.k;
      default:
        ADD_FAILURE() << "instruction " << each.code;
        return 0;
    }
  }
  ADD_FAILURE() << "the program does not end";
  return 0;
}

class Compiled {
 public:
  explicit Compiled(std::string profile) : text_(std::move(profile)) {
    fine = compile_seccomp(arena_, text_, filter, failure);
  }
  std::uint32_t verdict(int number, std::uint64_t first = 0, std::uint64_t second = 0,
                        std::uint32_t architecture = AUDIT_ARCH_X86_64) const {
    seccomp_data data{};
    data.nr = number;
    data.arch = architecture;
    data.args[0] = first;
    data.args[1] = second;
    return evaluate(filter.code, data);
  }

  bool fine = false;
  SeccompFilter filter;
  base::Failure failure;

 private:
  std::string text_;
  base::Arena arena_{4 << 20};
};

std::string profile(const std::string& rules,
                    const std::string& head = R"("defaultErrnoRet": 1,)") {
  return R"({"defaultAction": "SCMP_ACT_ERRNO", )" + head +
         R"("architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
            "syscalls": [)" +
         rules + "]}";
}

int number(std::string_view name) {
  return find_syscall(name)->x86_64;
}

TEST(Seccomp, NamesAreFoundInAllThreeEntries) {
  const SyscallNumbers* open = find_syscall("openat2");
  ASSERT_NE(open, nullptr);
  EXPECT_EQ(open->x86_64, 437);
  EXPECT_EQ(open->x86, 437);
  EXPECT_EQ(find_syscall("socketcall")->x86_64, -1);
  EXPECT_EQ(find_syscall("socketcall")->x86, 102);
  EXPECT_EQ(find_syscall("mseal")->x86_64, 462);
  EXPECT_EQ(find_syscall("no_such_call"), nullptr);
}

TEST(Seccomp, WhatIsNamedIsAllowedAndTheRestIsNot) {
  const Compiled filter(profile(R"({"names": ["read", "write", "no_such_call", "openat2"],
                                    "action": "SCMP_ACT_ALLOW"})"));
  ASSERT_TRUE(filter.fine) << filter.failure.text.c_str();
  for (int call = 0; call < 500; ++call) {
    const bool named = call == 0 || call == 1 || call == 437;
    EXPECT_EQ(filter.verdict(call), named ? kAllow : kEperm) << call;
  }
}

TEST(Seccomp, EachEntryHasItsOwnNumbers) {
  const Compiled filter(profile(R"({"names": ["read"], "action": "SCMP_ACT_ALLOW"})"));
  EXPECT_EQ(filter.verdict(3, 0, 0, AUDIT_ARCH_I386), kAllow);
  EXPECT_EQ(filter.verdict(0, 0, 0, AUDIT_ARCH_I386), kEperm);
  EXPECT_EQ(filter.verdict(0x40000000), kAllow);
  EXPECT_EQ(filter.verdict(0x40000001), kEperm);
  EXPECT_EQ(filter.verdict(0, 0, 0, AUDIT_ARCH_AARCH64), SECCOMP_RET_KILL_PROCESS);
}

TEST(Seccomp, AnEntryThatIsNotListedKills) {
  const Compiled filter(R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls":
      [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]})");
  EXPECT_EQ(filter.verdict(0, 0, 0, AUDIT_ARCH_I386), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(filter.verdict(0x40000000), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(filter.verdict(-1), kEnosys);
  EXPECT_EQ(filter.verdict(number("mkdir")), kEperm);
  EXPECT_EQ(filter.verdict(number("read")), kAllow);
}

TEST(Seccomp, CallsYoungerThanTheProfileAreAbsentUnlessAnErrnoIsGiven) {
  const std::string rule = R"({"names": ["read", "openat2"], "action": "SCMP_ACT_ALLOW"})";
  const Compiled without(profile(rule, ""));
  EXPECT_EQ(without.verdict(438), kEnosys);
  EXPECT_EQ(without.verdict(400), kEperm);
  const Compiled with(profile(rule));
  EXPECT_EQ(with.verdict(438), kEperm);
}

struct Comparison {
  const char* name;
  std::uint64_t argument;
  bool holds;
};

TEST(Seccomp, ArgumentsAreComparedWithAll64Bits) {
  constexpr std::uint64_t kValue = 0x200000003;
  const Comparison table[] = {{"SCMP_CMP_EQ", kValue, true},
                              {"SCMP_CMP_EQ", 3, false},
                              {"SCMP_CMP_EQ", 0x200000000, false},
                              {"SCMP_CMP_NE", kValue, false},
                              {"SCMP_CMP_NE", 3, true},
                              {"SCMP_CMP_NE", 0x200000004, true},
                              {"SCMP_CMP_LT", kValue - 1, true},
                              {"SCMP_CMP_LT", kValue, false},
                              {"SCMP_CMP_LT", 0x1ffffffff, true},
                              {"SCMP_CMP_LT", 0x300000000, false},
                              {"SCMP_CMP_LE", kValue, true},
                              {"SCMP_CMP_LE", kValue + 1, false},
                              {"SCMP_CMP_LE", 0xffffffff, true},
                              {"SCMP_CMP_GT", kValue, false},
                              {"SCMP_CMP_GT", kValue + 1, true},
                              {"SCMP_CMP_GT", 0x300000000, true},
                              {"SCMP_CMP_GT", 0xffffffff, false},
                              {"SCMP_CMP_GE", kValue, true},
                              {"SCMP_CMP_GE", kValue - 1, false},
                              {"SCMP_CMP_GE", 0x300000000, true}};
  for (const Comparison& each : table) {
    const Compiled filter(
        profile(std::string(R"({"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0,
                        "value": 8589934595, "op": ")") +
                each.name + R"("}]})"));
    ASSERT_TRUE(filter.fine) << filter.failure.text.c_str();
    EXPECT_EQ(filter.verdict(0, each.argument), each.holds ? kAllow : kEperm)
        << each.name << " " << each.argument;
  }
}

TEST(Seccomp, MaskedComparisonsAndSeveralRulesForOneCall) {
  // Docker's rules for clone and personality.
  const Compiled filter(profile(
      R"({"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0,
          "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]},
         {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
          "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}]},
         {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
          "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]},
         {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38})"));
  EXPECT_EQ(filter.verdict(number("clone"), 0x11), kAllow);
  EXPECT_EQ(filter.verdict(number("clone"), 0x10000000), kEperm);
  EXPECT_EQ(filter.verdict(number("personality"), 0), kAllow);
  EXPECT_EQ(filter.verdict(number("personality"), 8), kAllow);
  EXPECT_EQ(filter.verdict(number("personality"), 9), kEperm);
  EXPECT_EQ(filter.verdict(number("clone3")), kEnosys);
}

TEST(Seccomp, AllChecksOfARuleMustHoldAndAnUnconditionalRuleWins) {
  const std::string checks = R"("args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"},
                                         {"index": 1, "value": 2, "op": "SCMP_CMP_EQ"}]})";
  const Compiled filter(profile(R"({"names": ["socket", "read"], "action": "SCMP_ACT_ALLOW", )" +
                                checks + R"(, {"names": ["read"], "action": "SCMP_ACT_ALLOW"})"));
  EXPECT_EQ(filter.verdict(number("socket"), 1, 2), kAllow);
  EXPECT_EQ(filter.verdict(number("socket"), 1, 3), kEperm);
  EXPECT_EQ(filter.verdict(number("socket"), 0, 2), kEperm);
  EXPECT_EQ(filter.verdict(number("read"), 9, 9), kAllow);
}

TEST(Seccomp, ChecksOfTheSameArgumentAreAlternativesHoweverMany) {
  std::string checks;
  for (int value = 0; value < 100; ++value) {
    checks += fmt::format(R"({}{{"index": 0, "value": {}, "op": "SCMP_CMP_EQ"}})",
                          value == 0 ? "" : ",", 2 * value);
  }
  const Compiled filter(
      profile(R"({"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [)" + checks + "]}"));
  ASSERT_TRUE(filter.fine);
  for (unsigned value = 0; value < 202; ++value) {
    EXPECT_EQ(filter.verdict(number("socket"), value),
              value % 2 == 0 && value < 200 ? kAllow : kEperm)
        << value;
  }
}

TEST(Seccomp, EveryOtherCallMakesALargeTreeThatStillDecidesEach) {
  std::string names;
  for (int call = 0; call < 440; call += 2) {
    for (const char* name : {"read",   "open",           "stat",    "lstat",  "lseek",  "mprotect",
                             "brk",    "rt_sigprocmask", "pread64", "readv",  "access", "select",
                             "mremap", "mincore",        "shmget",  "shmctl", "dup2",   "nanosleep",
                             "alarm",  "getpid",         "socket",  "accept"}) {
      if (call == 0) names += (names.empty() ? "\"" : ",\"") + std::string(name) + "\"";
    }
  }
  const Compiled filter(
      profile(R"({"names": [)" + names + R"(], "action": "SCMP_ACT_ALLOW", "args": [
              {"index": 0, "value": 7, "op": "SCMP_CMP_GE"},
              {"index": 1, "value": 7, "op": "SCMP_CMP_NE"}]})"));
  ASSERT_TRUE(filter.fine);
  EXPECT_GT(filter.filter.code.size(), 255U * 2);
  EXPECT_EQ(filter.verdict(number("accept"), 7, 8), kAllow);
  EXPECT_EQ(filter.verdict(number("accept"), 7, 7), kEperm);
  EXPECT_EQ(filter.verdict(number("read"), 6, 8), kEperm);
  EXPECT_EQ(filter.verdict(number("write"), 7, 8), kEperm);
}

TEST(Seccomp, WhatCannotBeAppliedIsAnError) {
  for (const char* bad : {R"({"defaultAction": "SCMP_ACT_MAYBE"})", R"({"defaultAction": 3})",
                          R"({"defaultAction": "SCMP_ACT_NOTIFY"})", "[]", "{",
                          R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["x"]})",
                          R"({"defaultAction": "SCMP_ACT_ALLOW", "flags": ["x"]})",
                          R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": "read"}]})",
                          R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"],
                            "action": "SCMP_ACT_ERRNO", "args": [{"index": 6}]}]})"}) {
    const Compiled filter(bad);
    EXPECT_FALSE(filter.fine) << bad;
    EXPECT_TRUE(filter.failure.failed()) << bad;
  }
}

TEST(Seccomp, AProfileThatAllowsEverythingIsNoFilter) {
  const Compiled filter(R"({"defaultAction": "SCMP_ACT_ALLOW"})");
  EXPECT_TRUE(filter.fine);
  EXPECT_TRUE(filter.filter.code.empty());
}

}  // namespace
}  // namespace wharf::os
