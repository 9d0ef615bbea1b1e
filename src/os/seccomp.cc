#include "os/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>

#include <cstddef>
#include <cstring>

#include "os/seccomp_profile.h"

namespace wharf::os {
namespace {

using base::Failure;
using seccomp::ArgumentCheck;
using seccomp::Compare;
using seccomp::Entry;
using seccomp::Profile;
using seccomp::Range;
using seccomp::Rule;

constexpr std::uint32_t kX32Bit = 0x40000000;
constexpr std::uint32_t kNumberAt = offsetof(seccomp_data, nr);
constexpr std::uint32_t kArchitectureAt = offsetof(seccomp_data, arch);
/// Jumps of a conditional instruction are one byte.
constexpr std::size_t kFarthest = 255;
/// Marks of jumps that are resolved when their check or rule is complete.
constexpr unsigned char kPass = 254;
constexpr unsigned char kFail = 255;

class Emitter {
 public:
  Emitter(std::span<sock_filter> code, std::uint32_t default_verdict)
      : code_(code), default_verdict_(default_verdict) {}

  std::size_t size() const { return size_; }
  bool full() const { return full_; }

  void add(std::uint32_t operation, std::uint32_t k, std::size_t if_true = 0,
           std::size_t if_false = 0) {
    full_ = full_ || size_ == code_.size();
    if (full_) return;
    code_[size_++] = {static_cast<__u16>(operation), static_cast<__u8>(if_true),
                      static_cast<__u8>(if_false), k};
  }
  void load(std::uint32_t offset) { add(BPF_LD | BPF_W | BPF_ABS, offset); }
  void verdict(std::uint32_t value) { add(BPF_RET | BPF_K, value); }

  /// Emits a test before what follows it was measured: `body` is jumped over where A >= k.
  template <class Body>
  void skip_where_at_least(std::uint32_t k, Body body) {
    jump_over(BPF_JMP | BPF_JGE | BPF_K, k, body);
  }
  template <class Body>
  void skip_unless_equal(std::uint32_t k, Body body) {
    const std::size_t at = size_;
    add(BPF_JMP | BPF_JEQ | BPF_K, k, 1, 0);
    add(BPF_JMP | BPF_JA, 0);
    body();
    if (!full_) code_[at + 1].k = static_cast<std::uint32_t>(size_ - at - 2);
  }

  void tree(std::span<const Range> ranges, bool low_half_only) {
    if (ranges.size() == 1) return leaf(ranges[0], low_half_only);
    const std::size_t middle = ranges.size() / 2;
    skip_where_at_least(ranges[middle].first, [&] { tree(ranges.first(middle), low_half_only); });
    tree(ranges.subspan(middle), low_half_only);
  }

 private:
  template <class Body>
  void jump_over(std::uint32_t operation, std::uint32_t k, Body body) {
    const std::size_t at = size_;
    add(operation, k, 0, 0);
    body();
    if (full_) return;
    const std::size_t distance = size_ - at - 1;
    if (distance <= kFarthest) {
      code_[at].jt = static_cast<__u8>(distance);
      return;
    }
    // Too far for a byte: jump to a jump. What was emitted moves by one; its own jumps are
    // relative and stay right.
    add(0, 0);
    if (full_) return;
    std::memmove(&code_[at + 2], &code_[at + 1], distance * sizeof(sock_filter));
    code_[at].jf = 1;
    code_[at + 1] = {BPF_JMP | BPF_JA, 0, 0, static_cast<std::uint32_t>(distance)};
  }

  void leaf(const Range& range, bool low_half_only) {
    for (const Rule* rule : range.tries) {
      const std::size_t start = size_;
      for (const ArgumentCheck& check : rule->checks) one_check(check, low_half_only);
      verdict(rule->verdict);
      resolve(start, kFail, size_);
    }
    verdict(range.tries.empty() ? range.verdict : default_verdict_);
  }

  void resolve(std::size_t start, unsigned char mark, std::size_t target) {
    if (full_) return;
    for (std::size_t at = start; at < target; ++at) {
      sock_filter& each = code_[at];
      if (BPF_CLASS(each.code) != BPF_JMP) continue;
      if (each.jt == mark) each.jt = static_cast<__u8>(target - at - 1);
      if (each.jf == mark) each.jf = static_cast<__u8>(target - at - 1);
    }
  }

  void test(std::uint32_t kind, std::uint32_t k, unsigned char if_true, unsigned char if_false) {
    add(BPF_JMP | kind | BPF_K, k, if_true, if_false);
  }

  /// Falls through where the check holds, jumps to the rule's end where not. Arguments have 64
  /// bits and the accumulator 32, so the high half goes first; an x86 argument has no high half.
  void one_check(const ArgumentCheck& check, bool low_half_only) {
    const auto low_at = static_cast<std::uint32_t>(offsetof(seccomp_data, args) + check.index * 8);
    const auto high = static_cast<std::uint32_t>(check.value >> 32);
    const auto low = static_cast<std::uint32_t>(check.value);
    const std::size_t start = size_;
    if (check.compare == Compare::MaskedEq) {
      masked(check, low_at, low_half_only);
    } else {
      if (!low_half_only) {
        load(low_at + 4);
        high_half(check.compare, high);
      }
      load(low_at);
      low_half(check.compare, low);
    }
    resolve(start, kPass, size_);
  }

  void masked(const ArgumentCheck& check, std::uint32_t low_at, bool low_half_only) {
    if (!low_half_only) {
      load(low_at + 4);
      add(BPF_ALU | BPF_AND | BPF_K, static_cast<std::uint32_t>(check.value >> 32));
      test(BPF_JEQ, static_cast<std::uint32_t>(check.value_two >> 32), 0, kFail);
    }
    load(low_at);
    add(BPF_ALU | BPF_AND | BPF_K, static_cast<std::uint32_t>(check.value));
    test(BPF_JEQ, static_cast<std::uint32_t>(check.value_two), 0, kFail);
  }

  /// Decides where the high halves differ; falls through where they are equal.
  void high_half(Compare compare, std::uint32_t high) {
    switch (compare) {
      case Compare::Eq:
        test(BPF_JEQ, high, 0, kFail);
        break;
      case Compare::Ne:
        test(BPF_JEQ, high, 0, kPass);
        break;
      case Compare::Gt:
      case Compare::Ge:
        test(BPF_JGT, high, kPass, 0);
        test(BPF_JEQ, high, 0, kFail);
        break;
      default:
        test(BPF_JGT, high, kFail, 0);
        test(BPF_JEQ, high, 0, kPass);
        break;
    }
  }

  void low_half(Compare compare, std::uint32_t low) {
    switch (compare) {
      case Compare::Eq:
        test(BPF_JEQ, low, 0, kFail);
        break;
      case Compare::Ne:
        test(BPF_JEQ, low, kFail, 0);
        break;
      case Compare::Gt:
        test(BPF_JGT, low, 0, kFail);
        break;
      case Compare::Ge:
        test(BPF_JGE, low, 0, kFail);
        break;
      case Compare::Lt:
        test(BPF_JGE, low, kFail, 0);
        break;
      default:
        test(BPF_JGT, low, kFail, 0);
        break;
    }
  }

  std::span<sock_filter> code_;
  std::uint32_t default_verdict_;
  std::size_t size_ = 0;
  bool full_ = false;
};

bool emit_entry(base::Arena& arena, const Profile& profile, Entry entry, Emitter& emitter) {
  const std::span<Range> ranges = seccomp::make_ranges(arena, profile, entry);
  if (ranges.empty()) return false;
  emitter.tree(ranges, entry == Entry::X86);
  return true;
}

/// The architecture is checked first: numbers mean something else in each (A15).
bool emit(base::Arena& arena, const Profile& profile, Emitter& emitter) {
  bool fine = true;
  emitter.load(kArchitectureAt);
  emitter.skip_unless_equal(AUDIT_ARCH_X86_64, [&] {
    emitter.load(kNumberAt);
    emitter.skip_where_at_least(
        kX32Bit, [&] { fine = emit_entry(arena, profile, Entry::X86_64, emitter) && fine; });
    // A tracer cancels a call by making its number -1, which is not an x32 call.
    emitter.skip_unless_equal(~0U, [&] { emitter.verdict(SECCOMP_RET_ERRNO | ENOSYS); });
    if (!profile.x32) return emitter.verdict(SECCOMP_RET_KILL_PROCESS);
    emitter.add(BPF_ALU | BPF_AND | BPF_K, ~kX32Bit);
    fine = emit_entry(arena, profile, Entry::X32, emitter) && fine;
  });
  if (profile.x86) {
    emitter.skip_unless_equal(AUDIT_ARCH_I386, [&] {
      emitter.load(kNumberAt);
      fine = emit_entry(arena, profile, Entry::X86, emitter) && fine;
    });
  }
  emitter.verdict(SECCOMP_RET_KILL_PROCESS);
  return fine;
}

}  // namespace

bool compile_seccomp(base::Arena& arena, const base::JsonNode& node, SeccompFilter& filter,
                     Failure& failure) {
  Profile profile;
  if (!seccomp::read_profile(arena, node, profile, failure)) return false;
  filter = {};
  filter.flags = profile.flags;
  if (profile.rules.empty() && profile.default_verdict == SECCOMP_RET_ALLOW) return true;
  const std::span<sock_filter> code = arena.array<sock_filter>(BPF_MAXINSNS);
  Emitter emitter(code, profile.default_verdict);
  if (code.empty() || !emit(arena, profile, emitter)) {
    return failure.because("seccomp: no memory to compile the profile");
  }
  if (emitter.full()) {
    return failure.because("seccomp: the profile needs more than ", BPF_MAXINSNS, " instructions");
  }
  filter.code = code.first(emitter.size());
  return true;
}

bool compile_seccomp(base::Arena& arena, std::span<char> profile, SeccompFilter& filter,
                     Failure& failure) {
  const base::JsonNode* node = base::parse_json(arena, profile, failure);
  return node != nullptr && compile_seccomp(arena, *node, filter, failure);
}

}  // namespace wharf::os
