// One record of a container's log, read from a format of Docker's and written to clients.
//
//   {"log":"text\n","stream":"stdout","attrs":{"k":"v"},"time":"2026-11-21T08:00:00.123456789Z"}
//   LogEntry{source: "stdout", time_nano: 1795248000123456789, line: "text"}
//
// Plain values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace wharf::logs {

struct Line {
  std::string text;    ///< With its '\n', unless cut.
  std::string stream;  ///< stdout or stderr.
  base::Time time;
  std::map<std::string, std::string> attributes;
};

/// How the files of a log are written: docs/formats/json-log.md, local-log.md.
enum class Format : std::uint8_t { Json, Local };

/// The record in `record` (one line of the file, '\n' or not); nothing when it is damaged.
std::optional<Line> decode(std::string_view record);
/// The same into a line that may have been used before; false when it is damaged.
bool decode(std::string_view record, Line& line);
/// Of either format.
bool decode(std::string_view record, Format format, Line& line);

struct Shown {
  bool timestamps = false;
  bool details = false;
  bool framed = false;  ///< With the 8 bytes of stdcopy before it.
  bool json = false;    ///< {"Line","Source","Timestamp"} per line instead.
};

/// Appends what a client gets for `line`.
void show(const Line& line, const Shown& how, std::string& out);

}  // namespace wharf::logs
