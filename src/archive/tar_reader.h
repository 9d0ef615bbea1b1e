// Reads tar archives of strangers: ustar, GNU long names, PAX (POSIX.1-2001), base-256 numbers.
//
//   TarReader tar(source, limits);
//   Entry entry;
//   while (tar.next(entry)) {
//     for (auto bytes = tar.content(); !bytes.empty(); bytes = tar.content()) ...
//   }
//
// Every byte is accounted for: what is not the content of a regular file is given to the Record,
// if there is one, so the archive can be made again. Whatever GNU tar and this reader could
// understand differently is refused, with the entry's name. Memory is bounded by limits.h
// before it is allocated. One thread at a time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "archive/limits.h"
#include "archive/source.h"

namespace wharf::archive {

enum class Type { File, HardLink, Symlink, CharDevice, BlockDevice, Directory, Fifo };

struct Entry {
  std::string name;  ///< As written; may be absolute, may hold "..": see clean_name().
  Type type = Type::File;
  mode_t mode = 0;  ///< Permission, setuid, setgid and sticky bits only.
  uid_t uid = 0;
  gid_t gid = 0;
  std::uint64_t size = 0;
  std::int64_t mtime_seconds = 0;
  std::uint32_t mtime_nanoseconds = 0;
  std::string link;  ///< Target of a symlink (any text) or hard link (a name in the archive).
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::map<std::string, std::string> xattrs;
};

/// Relative, without "." and empty parts, ".." resolved in the text; "" is the root. A name
/// that climbs above the root, is too long or holds a NUL is InvalidArgument.
std::string clean_name(std::string_view name);

/// Receives the bytes of an archive that are not file content.
class Record {
 public:
  virtual ~Record() = default;
  virtual void raw(std::string_view bytes) = 0;
};

class TarReader {
 public:
  TarReader(Source& source, const Limits& limits, Record* record = nullptr);

  /// The next entry; skips what is left of the last one. False at the end: then also what
  /// follows the end of the archive has been read, up to the end of the source.
  bool next(Entry& entry);

  /// Some of the entry's content; empty when it is all read. Valid until the next call.
  std::string_view content();

  /// From here on the content of this entry goes to the record too: it is kept nowhere else.
  void record_content();

  std::uint64_t entries() const { return entries_; }

 private:
  struct Extensions {
    std::map<std::string, std::string> pax;
    std::string long_name;
    std::string long_link;
    bool has_long_name = false;
    bool has_long_link = false;
  };

  std::string_view fill(std::size_t size);
  std::string_view take(std::size_t size);
  bool read_header(std::string& block);
  bool read_extension(char flag, const std::string& header, Extensions& extensions);
  std::string read_payload(const std::string& header, const char* what);
  void read_global(std::string_view payload);
  void finish_entry();
  void drain();

  Source& source_;
  Limits limits_;
  Record* record_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t content_left_ = 0;
  std::uint64_t padding_ = 0;
  bool recording_content_ = false;
  std::uint64_t entries_ = 0;
  std::map<std::string, std::string> global_;
};

}  // namespace wharf::archive
