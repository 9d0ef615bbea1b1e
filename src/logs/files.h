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
#include "logs/records.h"
#include "os/fd.h"

namespace wharf::logs {

class LogFiles {
 public:
  /// Opens `name` in `directory` and what was rotated before it. A log that does not exist
  /// yet has no files. `max_files` bounds how far back is looked.
  LogFiles(const os::Fd& directory, const std::string& name, std::uint32_t max_files,
           Format format = Format::Json);

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
  Format format_;
  std::vector<Part> parts_;
  std::optional<RecordReader> reader_;
  std::size_t at_ = 0;
};

/// An unnamed file in `directory` with the content of the gzip file `packed`. Throws Internal.
os::Fd gunzip(const os::Fd& packed, const os::Fd& directory);

}  // namespace wharf::logs
