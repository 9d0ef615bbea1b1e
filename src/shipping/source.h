// The records of a container's log from a position on, through rotations, compression and restarts
// of the daemon, without waiting.
//
// Whatever happened to the files meanwhile, it goes on after the record that was read last, found
// again by its bytes; when that one is gone too, with the oldest that is left, and gap() says so.
// One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "logs/files.h"
#include "os/fd.h"
#include "shipping/cursor.h"

namespace wharf::shipping {

class Source {
 public:
  Source(os::Fd directory, std::string name, std::uint32_t max_files, const Position& from);

  /// The next record, until the next call; nothing when there is none now.
  std::optional<std::string_view> next();

  /// After the record that next() returned last. The counts in it are the caller's.
  const Position& position() const { return position_; }

  /// The bytes of what is not read yet.
  std::uint64_t unread_bytes() const;

  /// True once after records were turned over before they were read.
  bool gap() { return std::exchange(gap_, false); }

 private:
  bool resume(const Position& from);
  bool turn_page();
  void find_again();
  std::string_view took(std::string_view record, const logs::RecordReader& reader);
  bool is(const std::string& name) const;

  os::Fd directory_;
  std::string name_;
  std::uint32_t max_files_;
  std::optional<logs::LogFiles> files_;  ///< While older files are read.
  std::optional<logs::RecordReader> reader_;
  Position position_;
  bool gap_ = false;
};

}  // namespace wharf::shipping
