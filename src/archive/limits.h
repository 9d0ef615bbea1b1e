// How much a stranger's archive may ask for. Every limit has a name, and the error says it.
#pragma once

#include <cstdint>

namespace wharf::archive {

struct Limits {
  std::uint64_t max_bytes = 256ULL << 30;  ///< Uncompressed stream.
  std::uint64_t max_entries = 4'000'000;

  /// Free space that unpacking leaves on the disk; on a small file system 5 % of it.
  std::uint64_t reserve_bytes = 256ULL << 20;
};

/// PAX header, GNU long name or link: one of them, in bytes.
inline constexpr std::uint64_t kMaxExtendedHeader = 1 << 20;

/// Linux PATH_MAX without its NUL: what no system call could name is refused.
inline constexpr std::uint64_t kMaxName = 4095;

/// zstd window and xz dictionary.
inline constexpr std::uint64_t kMaxWindow = 128ULL << 20;

/// All extended attributes of one entry.
inline constexpr std::uint64_t kMaxXattrs = 256 << 10;

}  // namespace wharf::archive
