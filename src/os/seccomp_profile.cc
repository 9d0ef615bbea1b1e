#include "os/seccomp_profile.h"

#include <errno.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <array>

// Younger than the kernel headers (Linux 5.19).
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

namespace wharf::os {
namespace {

constexpr auto kSyscalls = std::to_array<SyscallNumbers>({
#define WHARF_SYSCALL(name, x86_64, x86, x32) {#name, x86_64, x86, x32},
#include "os/seccomp_table.inc"
#undef WHARF_SYSCALL
});

constexpr bool is_sorted_by_name() {
  for (std::size_t i = 1; i < kSyscalls.size(); ++i) {
    if (!(kSyscalls[i - 1].name < kSyscalls[i].name)) return false;
  }
  return true;
}
static_assert(is_sorted_by_name());

}  // namespace

const SyscallNumbers* find_syscall(std::string_view name) {
  const auto* found = std::lower_bound(
      kSyscalls.begin(), kSyscalls.end(), name,
      [](const SyscallNumbers& each, std::string_view wanted) { return each.name < wanted; });
  return found != kSyscalls.end() && found->name == name ? found : nullptr;
}

namespace seccomp {
namespace {

using base::Failure;
using base::JsonNode;

struct ActionName {
  std::string_view name;
  std::uint32_t verdict;
};
constexpr ActionName kActions[] = {{"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD},
                                   {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD},
                                   {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
                                   {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP},
                                   {"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO},
                                   {"SCMP_ACT_TRACE", SECCOMP_RET_TRACE},
                                   {"SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF},
                                   {"SCMP_ACT_LOG", SECCOMP_RET_LOG},
                                   {"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW}};

struct CompareName {
  std::string_view name;
  Compare compare;
};
constexpr CompareName kCompares[] = {{"SCMP_CMP_NE", Compare::Ne},
                                     {"SCMP_CMP_LT", Compare::Lt},
                                     {"SCMP_CMP_LE", Compare::Le},
                                     {"SCMP_CMP_EQ", Compare::Eq},
                                     {"SCMP_CMP_GE", Compare::Ge},
                                     {"SCMP_CMP_GT", Compare::Gt},
                                     {"SCMP_CMP_MASKED_EQ", Compare::MaskedEq}};

bool read_number(const JsonNode& node, std::uint64_t& into, Failure& failure) {
  if (!node.present()) return true;
  if (node.kind == JsonNode::Kind::Number && base::parse_number(node.text, into)) return true;
  return failure.because("seccomp: ", node.key, " must be a number");
}

/// SCMP_ACT_ERRNO and SCMP_ACT_TRACE carry a number; EPERM where none is given.
bool read_action(const JsonNode& action, const JsonNode& number, std::uint32_t& verdict,
                 Failure& failure) {
  for (const ActionName& known : kActions) {
    if (known.name != action.text) continue;
    verdict = known.verdict;
    const bool carries = verdict == SECCOMP_RET_ERRNO || verdict == SECCOMP_RET_TRACE;
    if (!carries) return true;
    std::uint64_t value = EPERM;
    if (!read_number(number, value, failure)) return false;
    if (value > SECCOMP_RET_DATA) return failure.because("seccomp: errnoRet is out of range");
    verdict |= static_cast<std::uint32_t>(value);
    return true;
  }
  return failure.because("seccomp: action \"", action.text, "\" is unknown");
}

bool read_architectures(const JsonNode& list, Profile& profile, Failure& failure) {
  for (const JsonNode& node : list) {
    if (node.text == "SCMP_ARCH_X86")
      profile.x86 = true;
    else if (node.text == "SCMP_ARCH_X32")
      profile.x32 = true;
    else if (!node.text.starts_with("SCMP_ARCH_")) {
      return failure.because("seccomp: architecture \"", node.text, "\" is unknown");
    }
    // Other machines' entries cannot be reached on this one.
  }
  return true;
}

bool read_flags(const JsonNode& list, Profile& profile, Failure& failure) {
  for (const JsonNode& node : list) {
    if (node.text == "SECCOMP_FILTER_FLAG_LOG")
      profile.flags |= SECCOMP_FILTER_FLAG_LOG;
    else if (node.text == "SECCOMP_FILTER_FLAG_SPEC_ALLOW") {
      profile.flags |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    } else if (node.text == "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV") {
      profile.flags |= SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    } else if (node.text != "SECCOMP_FILTER_FLAG_TSYNC") {  // one thread: nothing to keep in step
      return failure.because("seccomp: flag \"", node.text, "\" is not supported");
    }
  }
  return true;
}

bool read_check(const JsonNode& node, ArgumentCheck& check, Failure& failure) {
  constexpr std::uint64_t kArguments = 6;
  std::uint64_t index = 0;
  if (!read_number(node["index"], index, failure) ||
      !read_number(node["value"], check.value, failure) ||
      !read_number(node["valueTwo"], check.value_two, failure)) {
    return false;
  }
  if (index >= kArguments) return failure.because("seccomp: argument ", index, " does not exist");
  check.index = static_cast<unsigned>(index);
  for (const CompareName& known : kCompares) {
    if (known.name != node["op"].text) continue;
    check.compare = known.compare;
    return true;
  }
  return failure.because("seccomp: operator \"", node["op"].text, "\" is unknown");
}

/// As runc: where two checks are of the same argument, each check is a rule of its own and any
/// of them will do. So no rule has more checks than there are arguments.
bool are_alternatives(std::span<const ArgumentCheck> checks) {
  unsigned seen = 0;
  for (const ArgumentCheck& check : checks) {
    if ((seen & 1U << check.index) != 0) return true;
    seen |= 1U << check.index;
  }
  return false;
}

/// Writes one rule to `into`, or several; false where they do not fit.
bool add_rules(const Rule& rule, std::span<Rule>& into) {
  const bool alternatives = are_alternatives(rule.checks);
  const std::size_t count = alternatives ? rule.checks.size() : 1;
  if (count > into.size()) return false;
  for (std::size_t i = 0; i < count; ++i) {
    into[i] = rule;
    if (alternatives) into[i].checks = rule.checks.subspan(i, 1);
  }
  into = into.subspan(count);
  return true;
}

bool read_rule(base::Arena& arena, const JsonNode& node, std::span<Rule>& into, Failure& failure) {
  Rule rule;
  rule.names = &node["names"];
  if (rule.names->kind != JsonNode::Kind::Array) {
    return failure.because("seccomp: syscalls.names must be an array");
  }
  if (!read_action(node["action"], node["errnoRet"], rule.verdict, failure)) return false;
  const JsonNode& checks = node["args"];
  rule.checks = arena.array<ArgumentCheck>(checks.count);
  std::size_t index = 0;
  for (const JsonNode& check : checks) {
    if (index >= rule.checks.size()) return failure.because("seccomp: profile too large");
    if (!read_check(check, rule.checks[index++], failure)) return false;
  }
  return add_rules(rule, into) || failure.because("seccomp: profile too large");
}

int number_of(const SyscallNumbers& call, Entry entry) {
  switch (entry) {
    case Entry::X86_64:
      return call.x86_64;
    case Entry::X86:
      return call.x86;
    case Entry::X32:
      return call.x32;
  }
  return -1;
}

constexpr std::size_t kNumbers = 1024;

/// What the rules say of each number, before equal neighbours are put together.
struct Verdicts {
  std::uint32_t verdict[kNumbers];
  bool decided[kNumbers];
  std::uint16_t tries[kNumbers];
  std::uint32_t highest = 0;
};

template <class Take>
void each_number(const Rule& rule, Entry entry, Take take) {
  for (const JsonNode& name : *rule.names) {
    const SyscallNumbers* call = find_syscall(name.text);
    const int number = call == nullptr ? -1 : number_of(*call, entry);
    if (number >= 0 && number < static_cast<int>(kNumbers)) {
      take(static_cast<std::uint32_t>(number));
    }
  }
}

void decide(const Profile& profile, Entry entry, Verdicts& all) {
  for (std::uint32_t& verdict : all.verdict) verdict = profile.default_verdict;
  for (const Rule& rule : profile.rules) {
    each_number(rule, entry, [&](std::uint32_t number) {
      all.highest = std::max(all.highest, number);
      if (rule.verdict == profile.default_verdict || all.decided[number]) return;
      if (!rule.checks.empty()) {
        ++all.tries[number];
        return;
      }
      all.verdict[number] = rule.verdict;
      all.decided[number] = true;
      all.tries[number] = 0;  // unconditional: the checks decide nothing any more
    });
  }
}

std::span<const Rule*> tries_of(base::Arena& arena, const Profile& profile, Entry entry,
                                std::uint32_t wanted, std::size_t count) {
  const std::span<const Rule*> tries = arena.array<const Rule*>(count);
  std::size_t index = 0;
  for (const Rule& rule : profile.rules) {
    if (rule.checks.empty() || rule.verdict == profile.default_verdict) continue;
    each_number(rule, entry, [&](std::uint32_t number) {
      if (number == wanted && index < tries.size()) tries[index++] = &rule;
    });
  }
  return tries;
}

}  // namespace

/// A filter that notifies needs somebody to notify, and the kernel a flag to give us the listener.
bool read_listener(const JsonNode& node, Profile& profile, Failure& failure) {
  if (profile.default_verdict == SECCOMP_RET_USER_NOTIF) {
    return failure.because("seccomp: SCMP_ACT_NOTIFY cannot be the default action");
  }
  bool notifies = false;
  for (const Rule& rule : profile.rules) notifies |= rule.verdict == SECCOMP_RET_USER_NOTIF;
  if (!notifies) {
    // The kernel refuses it without a listener; then there is nothing to wait for either.
    profile.flags &= ~static_cast<unsigned>(SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
    return true;
  }
  profile.flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
  const JsonNode& path = node["listenerPath"];
  return (path.kind == JsonNode::Kind::String && !path.text.empty()) ||
         failure.because("seccomp: SCMP_ACT_NOTIFY needs a listenerPath");
}

bool read_profile(base::Arena& arena, const JsonNode& node, Profile& profile, Failure& failure) {
  if (node.kind != JsonNode::Kind::Object) return failure.because("seccomp: must be an object");
  profile.default_errno_given = node["defaultErrnoRet"].present();
  if (!read_action(node["defaultAction"], node["defaultErrnoRet"], profile.default_verdict,
                   failure) ||
      !read_architectures(node["architectures"], profile, failure) ||
      !read_flags(node["flags"], profile, failure)) {
    return false;
  }
  const JsonNode& syscalls = node["syscalls"];
  std::size_t most = 0;
  for (const JsonNode& each : syscalls) most += std::max<std::size_t>(each["args"].count, 1);
  const std::span<Rule> rules = arena.array<Rule>(most);
  std::span<Rule> left = rules;
  for (const JsonNode& each : syscalls) {
    if (!read_rule(arena, each, left, failure)) return false;
  }
  profile.rules = rules.first(rules.size() - left.size());
  return read_listener(node, profile, failure);
}

std::span<Range> make_ranges(base::Arena& arena, const Profile& profile, Entry entry) {
  auto* all = arena.make<Verdicts>();
  const std::span<Range> ranges = arena.array<Range>(kNumbers + 1);
  if (all == nullptr || ranges.empty()) return {};
  decide(profile, entry, *all);
  std::size_t count = 0;
  for (std::uint32_t number = 0; number < kNumbers; ++number) {
    const bool checked = all->tries[number] > 0 && !all->decided[number];
    const bool same = count > 0 && !checked && ranges[count - 1].tries.empty() &&
                      ranges[count - 1].verdict == all->verdict[number];
    if (same) continue;
    ranges[count].first = number;
    ranges[count].verdict = all->verdict[number];
    if (checked) {
      ranges[count].tries = tries_of(arena, profile, entry, number, all->tries[number]);
      if (ranges[count].tries.empty()) return {};  // No memory.
    }
    ++count;
  }
  // As runc: a program that asks for a call younger than its profile falls back when it hears
  // ENOSYS, and gives up when it hears EPERM.
  const bool denies = (profile.default_verdict & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO;
  if (denies && !profile.default_errno_given) {
    while (count > 1 && ranges[count - 1].first > all->highest) --count;
    ranges[count].first = all->highest + 1;
    ranges[count++].verdict = SECCOMP_RET_ERRNO | ENOSYS;
  }
  return ranges.first(count);
}

}  // namespace seccomp
}  // namespace wharf::os
