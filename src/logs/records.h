// The records of one file of a log, whatever its format.
//
//   json-file   record\n record\n ...
//   local       length record length   length record length ...    (4 bytes, the highest first)
//
// A RecordReader belongs to one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "logs/line.h"
#include "os/fd.h"

namespace wharf::logs {

/// A longer record than any writer of ours makes ends its reading: 16 KiB of text, escaped,
/// and attributes.
inline constexpr std::size_t kRecordLimit = 1 << 20;

/// Records are read off one file, front to back.
class RecordReader {
 public:
  explicit RecordReader(os::Fd file, std::uint64_t offset = 0, Format format = Format::Json);

  /// The next whole record without what is around it, until the next call. Nothing at the end of
  /// the file, for now: a record still being written is returned once it is whole.
  std::optional<std::string_view> next();

  const os::Fd& file() const { return file_; }

  /// Of the byte after the record that was returned last.
  std::uint64_t position() const { return offset_ - (buffer_.size() - begin_); }

  /// The file has become shorter than what was read: it is read from its start again.
  void rewind_if_truncated();

 private:
  std::optional<std::string_view> next_line();
  std::optional<std::string_view> next_entry();
  bool fill();

  os::Fd file_;
  Format format_;
  std::uint64_t offset_ = 0;  ///< Of the byte after the buffer's last.
  std::string buffer_;
  std::size_t begin_ = 0;
  bool skipping_ = false;  ///< Inside a record beyond the limit.
};

/// Where the last `records` records of `file` begin; `records` becomes what is still missing.
std::uint64_t offset_of_last(const os::Fd& file, Format format, std::uint64_t& records);

/// Of the record that begins first after `offset`, and some after it; the latest of their times.
std::optional<base::Time> latest_after(const os::Fd& file, Format format, std::uint64_t offset);

/// Where a record begins that has none of `since` or later before it.
std::uint64_t offset_since(const os::Fd& file, Format format, base::Time since);

}  // namespace wharf::logs
