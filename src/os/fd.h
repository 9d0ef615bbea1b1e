// A file descriptor you own, and what every descriptor can do.
//
// Fd is move-only and closes once. check() turns a -1 into a base::Error with errno's
// text. All descriptors are made close-on-exec. Not thread-safe per object.
#pragma once

#include <fmt/format.h>

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "os/fault.h"

namespace wharf::os {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() { reset(); }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  explicit operator bool() const { return valid(); }
  void reset();
  int release() { return std::exchange(fd_, -1); }

  /// A second descriptor of the same open file (F_DUPFD_CLOEXEC). Throws.
  Fd duplicate() const;

 private:
  int fd_ = -1;
};

/// The Error for errno now: "WORDS: no such file or directory".
template <class... Args>
base::Error last_error(fmt::format_string<Args...> words, Args&&... args) {
  const int error_number = errno;
  return base::errno_error(error_number, fmt::format(words, std::forward<Args>(args)...));
}

/// `result`, unless it is -1: then throws last_error.
template <class Result, class... Args>
Result check(Result result, fmt::format_string<Args...> words, Args&&... args) {
  if (result == static_cast<Result>(-1)) throw last_error(words, std::forward<Args>(args)...);
  return result;
}

/// Both ends of pipe2(2) with O_CLOEXEC.
struct Pipe {
  Fd read;
  Fd write;
};
Pipe make_pipe();

/// Reads once, again after EINTR. 0 at the end. Throws.
std::size_t read_some(const Fd& fd, std::span<char> into);

/// Writes all of it, however often it takes. Throws.
void write_all(const Fd& fd, std::string_view bytes);

/// All until the end, at most `limit` bytes: one more is an Error TooLarge.
std::string read_all(const Fd& fd, std::size_t limit);

}  // namespace wharf::os
