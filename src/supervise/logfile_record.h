// One record of a json-file log, byte for byte as Docker writes it.
//
//   {"log":"text\n","stream":"stdout","attrs":{"k":"v"},"time":"2026-11-21T08:00:00.1Z"}
//
// Pure functions on memory: no system calls, no heap. Format: docs/formats/json-log.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace wharf::supervise {

/// Docker: a line is cut into pieces of this size; only its last piece ends with "\n".
inline constexpr std::size_t kPieceBytes = 16 * 1024;

/// The longest record of a piece: every byte escaped as \u00XX or \ufffd, and the rest.
constexpr std::size_t record_limit(std::size_t text_bytes, std::size_t attrs_bytes) {
  return text_bytes * 6 + attrs_bytes + 128;
}

/// Writes RFC 3339 with nanoseconds, trailing zeros cut; keeps the text of the last second.
class TimeText {
 public:
  char* write(char* out, std::int64_t unix_ns);

 private:
  std::int64_t second_ = -1;
  char text_[20] = {};  // "2026-11-21T08:00:00."
};

/// Escapes as Go's jsonlog does: < > & U+2028 U+2029 and control characters as \uXXXX but for
/// \n and \r, invalid UTF-8 as \ufffd.
char* write_escaped(char* out, std::string_view text);

struct Record {
  std::string_view text;    ///< Without its line feed.
  bool line_end = false;    ///< Whether "\n" follows the text.
  std::string_view stream;  ///< "stdout" or "stderr".
  std::string_view attrs;   ///< A JSON object, or empty.
  std::int64_t unix_ns = 0;
};

/// Writes at most record_limit() bytes and returns the end.
char* write_record(char* out, const Record& record, TimeText& time_text);

}  // namespace wharf::supervise
