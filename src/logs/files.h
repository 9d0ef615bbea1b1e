// The files of one container's log, read oldest record first.
//
//   NAME.2.gz  NAME.1  NAME        (max-file 3, compress)
//
// LogFiles opens all of them at once; rotation while reading changes nothing. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "os/fd.h"

namespace wharf::logs {

/// A longer record than any writer of ours makes ends its reading: 16 KiB of text, escaped,
/// and attributes.
inline constexpr std::size_t kRecordLimit = 1 << 20;

/// Records are read off one file, front to back.
class RecordReader {
 public:
  explicit RecordReader(os::Fd file, std::uint64_t offset = 0);

  /// The next whole record without its '\n', until the next call. Nothing at the end of the file,
  /// for now: a record still being written is returned once it is whole.
  std::optional<std::string_view> next();

  const os::Fd& file() const { return file_; }

  /// Of the byte after the record that was returned last.
  std::uint64_t position() const { return offset_ - (buffer_.size() - begin_); }

  /// The file has become shorter than what was read: it is read from its start again.
  void rewind_if_truncated();

 private:
  bool fill();

  os::Fd file_;
  std::uint64_t offset_ = 0;  ///< Of the byte after the buffer's last.
  std::string buffer_;
  std::size_t begin_ = 0;
  bool skipping_ = false;  ///< Inside a record beyond the limit.
};

class LogFiles {
 public:
  /// Opens `name` in `directory` and what was rotated before it. A log that does not exist
  /// yet has no files. `max_files` bounds how far back is looked.
  LogFiles(const os::Fd& directory, const std::string& name, std::uint32_t max_files);

  /// Skips all but the last `records`. Reads those alone.
  void keep_last(std::uint64_t records);

  /// Skips most of what was logged before `time`, by halving: what is left begins at most some
  /// 64 KiB before it, and nothing of it or later is skipped.
  void keep_since(base::Time time);

  /// The next record, until the next call; nothing at the end of the newest file.
  std::optional<std::string_view> next();

  /// The newest file where the reading ended, to be followed; nothing if there was none.
  std::optional<RecordReader> newest() &&;

  /// The file of the record that next() returned last; null before the first.
  const RecordReader* reader() const { return reader_ ? &*reader_ : nullptr; }

  /// What next() has not returned yet; compressed files count as they are.
  std::uint64_t unread_bytes() const;

 private:
  /// A compressed file is unpacked only when something of it is wanted.
  struct Part {
    os::Fd file;
    bool packed = false;
    std::uint64_t offset = 0;
  };
  const os::Fd& plain(Part& part);

  os::Fd directory_;
  std::vector<Part> parts_;
  std::optional<RecordReader> reader_;
  std::size_t at_ = 0;
};

/// An unnamed file in `directory` with the content of the gzip file `packed`. Throws Internal.
os::Fd gunzip(const os::Fd& packed, const os::Fd& directory);

}  // namespace wharf::logs
