// A seccomp profile as plain values; internal to os/seccomp*.cc.
#pragma once

#include <cstdint>
#include <span>

#include "os/seccomp.h"

namespace wharf::os::seccomp {

enum class Compare : std::uint8_t { Ne, Lt, Le, Eq, Ge, Gt, MaskedEq };

struct ArgumentCheck {
  unsigned index = 0;
  Compare compare = Compare::Eq;
  std::uint64_t value = 0;
  /// For MaskedEq: what argument & value has to be.
  std::uint64_t value_two = 0;
};

/// One entry of "syscalls": what its names get when all checks hold.
struct Rule {
  const base::JsonNode* names = nullptr;
  std::uint32_t verdict = 0;
  std::span<ArgumentCheck> checks;
};

struct Profile {
  std::uint32_t default_verdict = 0;
  /// False: calls younger than any that the profile names get ENOSYS, as with runc.
  bool default_errno_given = false;
  bool x86 = false;
  bool x32 = false;
  unsigned flags = 0;
  std::span<Rule> rules;
};

bool read_profile(base::Arena& arena, const base::JsonNode& node, Profile& profile,
                  base::Failure& failure);

enum class Entry { X86_64, X86, X32 };

/// A range of numbers with one outcome, ending where the next begins.
struct Range {
  std::uint32_t first = 0;
  std::uint32_t verdict = 0;
  /// The rules to try in order before `verdict`; empty for most.
  std::span<const Rule*> tries;
};

/// The ranges of one entry, sorted, from 0 on; an empty span when the arena is full.
std::span<Range> make_ranges(base::Arena& arena, const Profile& profile, Entry entry);

}  // namespace wharf::os::seccomp
