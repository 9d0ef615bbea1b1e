// What the daemon and its unpacker say to each other: plain values and their JSON.
//
// Both sides treat the text as a stranger's: bounded, checked, every field optional.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/apply.h"
#include "archive/limits.h"
#include "base/digest.h"
#include "base/error.h"
#include "os/fd.h"

namespace wharf::layer {

inline constexpr std::size_t kMaxOrder = 16384;
inline constexpr std::size_t kMaxVerdict = 16384;

struct Order {
  archive::Limits limits;
  unsigned writers = 2;
  /// Given: no layer, but an archive that is laid over the files of a container.
  std::optional<archive::Onto> onto;
};

/// Either a refusal, or what was unpacked.
struct Verdict {
  std::string refusal;
  base::Kind kind = base::Kind::Internal;
  int error_number = 0;
  base::Digest diff_id;
  std::uint64_t size = 0;
  std::uint64_t entries = 0;
  std::uint64_t skipped_xattrs = 0;
};

std::string to_text(const Order& order);
Order parse_order(std::string_view text);

std::string to_text(const Verdict& verdict);
/// Throws InvalidArgument for anything that is not a whole verdict.
Verdict parse_verdict(std::string_view text);

/// The file `implied` of a layer: names of directories that no entry describes, NUL-terminated
/// each. Absent where there are none.
void write_implied(const os::Fd& layer, const std::vector<std::string>& names);
std::vector<std::string> read_implied(const os::Fd& layer);

}  // namespace wharf::layer
