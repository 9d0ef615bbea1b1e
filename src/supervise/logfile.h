// The log of a container, json-file or local: lines in, records out, files turned over.
//
// Output is cut into lines as Docker's copier does (LineCutter), written as records into a
// buffer, and the buffer into the file at the end of each chunk. A file that has grown to
// max_size is renamed NAME.1, the former NAME.1 to NAME.2 and so on. The log never stops the
// container: when the disk is full the lines are dropped and counted, and a record is either
// whole in the file or not there.
//
// Static runtime: no heap, no exceptions. Buffers are reserved and cost memory only while
// they are used (trim()). One thread. Formats: docs/formats/json-log.md, local-log.md.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/text.h"
#include "supervise/logfile_local.h"
#include "supervise/logfile_record.h"

namespace wharf::supervise {

enum class LogFormat : std::uint8_t { Json, Local };

struct LogFileOptions {
  LogFormat format = LogFormat::Json;
  int directory = -1;  ///< Where the files are; kept by the caller.
  std::string_view name;
  std::string_view attrs;
  std::int64_t max_size = -1;
  std::uint32_t max_files = 1;
  bool compress = false;
};

enum class Output : std::uint8_t { Stdout = 1, Stderr = 2 };

/// The beginning of a line whose end has not come yet; its text is in LogFile::begun_.
struct LineCutter {
  std::uint32_t size = 0;
  bool in_pieces = false;           ///< A piece of this line was written already.
  std::int64_t first_piece_ns = 0;  ///< Docker: all pieces of a line bear the first one's time.
  std::uint32_t pieces = 0;
  char id[64] = {};  ///< Of the line, where its pieces bear one.
};

class LogFile {
 public:
  /// Opens or continues the file; a record cut short by a crash is removed. False with errno.
  bool open(const LogFileOptions& options);
  bool is_open() const { return fd_ >= 0; }

  /// Takes output as it was read and writes what are whole lines by now.
  void take(Output stream, std::string_view bytes);
  /// The end of the output: what is left is written without a line feed.
  void finish();

  /// Opens the file anew by name: another program has renamed it. False with errno.
  bool reopen();

  std::uint64_t dropped() const { return dropped_; }

  /// Counts the files turned over; with `compress`, those that an earlier run left, too.
  std::uint64_t rotations() const { return rotations_; }
  /// The oldest rotation after `done` whose file is still kept and is to be compressed, or 0.
  std::uint64_t next_to_compress(std::uint64_t done) const;
  /// The rotated file and a new NAME.gz.tmp to compress into. One at a time. False with errno.
  bool open_for_compression(std::uint64_t rotation, int& from, int& into);
  /// Puts the compressed file into the place of the plain one, or removes it.
  void compressed(std::uint64_t rotation, bool whole);

  /// Gives the pages of idle buffers back to the kernel.
  void trim();

 private:
  void cut(Output stream, std::string_view bytes);
  void record(Output stream, std::string_view text, bool line_end);
  std::string_view piece_id(LineCutter& cutter) const;
  void flush();
  std::size_t whole_records(std::string_view bytes, std::size_t done, std::uint64_t& lost) const;
  std::int64_t end_of_records() const;
  std::int64_t end_of_local_records();
  bool open_current(int extra_flags);
  std::uint64_t rotated_before() const;
  void drop_torn_record();
  void rotate();

  LogFileOptions options_;
  base::Text<255> name_;
  int fd_ = -1;
  std::int64_t size_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t rotations_ = 0;
  TimeText time_text_;
  LineCutter cutters_[2];
  std::size_t used_ = 0;
  // Last, and apart from each other: pages that are not written cost nothing.
  char attrs_[16 * 1024];
  char begun_[2][kPieceBytes];
  /// Room for the longest record, and as much again to gather short ones.
  alignas(4096) char buffer_[256 * 1024];
};

}  // namespace wharf::supervise
