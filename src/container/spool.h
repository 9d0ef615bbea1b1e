// Bytes on their way to a client that may read slower than a container writes.
//
// The first kInMemory bytes wait in memory, what comes after them in a file without a name;
// past `limit` the client is too slow to be kept. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "os/fd.h"
#include "os/file.h"

namespace wharf::container {

class Spool {
 public:
  static constexpr std::size_t kInMemory = 1 << 20;

  /// `directory` is where the unnamed file is made, when one is needed.
  Spool(os::Path directory, std::uint64_t limit)
      : directory_(std::move(directory)), limit_(limit) {}

  /// Throws TooLarge past the limit.
  void put(std::string_view bytes);

  bool empty() const { return size() == 0; }
  std::uint64_t size() const { return memory_.size() - begin_ + (file_end_ - file_begin_); }

  /// The next bytes, some of them; take() what was written.
  std::string_view front();
  void take(std::size_t bytes);

 private:
  void spill(std::string_view bytes);

  os::Path directory_;
  std::uint64_t limit_;
  std::string memory_;
  std::size_t begin_ = 0;
  os::Fd file_;
  std::uint64_t file_begin_ = 0;
  std::uint64_t file_end_ = 0;
};

}  // namespace wharf::container
