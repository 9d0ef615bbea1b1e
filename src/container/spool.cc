#include "container/spool.h"

#include <fcntl.h>
#include <unistd.h>

namespace wharf::container {

void Spool::spill(std::string_view bytes) {
  if (!file_.valid()) {
    file_ =
        os::Fd(os::check(WHARF_CALL(open, directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600),
                         "make a file for a slow client"));
  }
  while (!bytes.empty()) {
    const auto put = os::check(
        WHARF_CALL(pwrite, file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(file_end_)),
        "keep output for a slow client");
    bytes.remove_prefix(static_cast<std::size_t>(put));
    file_end_ += static_cast<std::uint64_t>(put);
  }
}

void Spool::put(std::string_view bytes) {
  if (size() + bytes.size() > limit_) {
    base::fail(base::Kind::TooLarge, "the client is more than {} bytes behind", limit_);
  }
  const bool in_memory =
      file_begin_ == file_end_ && memory_.size() - begin_ + bytes.size() <= kInMemory;
  if (in_memory) {
    memory_.append(bytes);
  } else {
    spill(bytes);
  }
}

std::string_view Spool::front() {
  if (begin_ == memory_.size() && file_begin_ < file_end_) {
    memory_.resize(std::min<std::uint64_t>(kInMemory / 4, file_end_ - file_begin_));
    begin_ = 0;
    const auto got = os::check(WHARF_CALL(pread, file_.get(), memory_.data(), memory_.size(),
                                          static_cast<off_t>(file_begin_)),
                               "read output kept for a slow client");
    memory_.resize(static_cast<std::size_t>(got));
    file_begin_ += static_cast<std::uint64_t>(got);
    if (file_begin_ == file_end_) {
      file_begin_ = file_end_ = 0;
      os::check(WHARF_CALL(ftruncate, file_.get(), 0), "empty the file of a slow client");
    }
  }
  return std::string_view(memory_).substr(begin_);
}

void Spool::take(std::size_t bytes) {
  begin_ += bytes;
  if (begin_ < memory_.size() && begin_ < kInMemory / 2) return;
  memory_.erase(0, begin_);
  begin_ = 0;
}

}  // namespace wharf::container
