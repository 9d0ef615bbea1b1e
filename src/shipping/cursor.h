// How far a container's log has been shipped: a small file beside the log.
//
// One line of fixed width, overwritten in place by one write(2): what was written is there after
// kill -9. After a power cut it may be older or torn; it is then taken for none, and lines are sent
// twice rather than never. Format: docs/formats/ship-cursor.md. One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "os/fd.h"

namespace wharf::shipping {

inline constexpr const char* kCursorName = "shipped";

struct Position {
  std::uint64_t inode = 0;       ///< Of the file; 0: nothing was shipped yet.
  std::uint64_t offset = 0;      ///< After the record that was shipped last.
  std::uint64_t last_bytes = 0;  ///< Of that record, without its line feed.
  std::uint64_t last_hash = 0;
  std::uint64_t dropped = 0;  ///< Records left out since the container was made.
  /// The pieces of an unfinished line that were shipped, of stdout and of stderr.
  std::array<std::uint64_t, 2> pieces{};

  bool operator==(const Position&) const = default;
};

/// FNV-1a.
std::uint64_t hash_of(std::string_view bytes);

class Cursor {
 public:
  /// Opens or makes the file in `directory`.
  explicit Cursor(const os::Fd& directory);

  /// What was saved last; the beginning where there is nothing whole.
  Position load() const;
  void save(const Position& position);

 private:
  os::Fd file_;
};

}  // namespace wharf::shipping
