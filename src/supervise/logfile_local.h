// One record of a log of the "local" driver, byte for byte as Docker writes it.
//
//   length  LogEntry{source, time_nano, line, partial, partial_log_metadata}  length
//
// The lengths are 4 bytes, the highest first; the entry is a protocol buffer. Pure functions on
// memory: no system calls, no heap. Format: docs/formats/local-log.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace wharf::supervise {

/// Before an entry, and after it.
inline constexpr std::size_t kLocalLengthBytes = 4;

/// The piece of a long line: all bear the same id and are counted from 1.
struct Piece {
  std::string_view id;  ///< 64 hexadecimal digits; empty for a whole line.
  std::uint32_t ordinal = 0;
  bool last = false;
};

struct LocalRecord {
  std::string_view source;  ///< "stdout" or "stderr".
  std::int64_t unix_ns = 0;
  std::string_view text;  ///< Without its line feed.
  Piece piece;
};

/// Writes at most record_limit() bytes of logfile_record.h and returns the end.
char* write_local_record(char* out, const LocalRecord& record);

std::uint32_t local_length(const char* bytes);

/// Of `bytes`, which begin with a record: where the last whole record ends. `count` becomes the
/// number of records that begin after that.
std::size_t whole_local_records(std::string_view bytes, std::size_t end, std::uint64_t& count);

}  // namespace wharf::supervise
