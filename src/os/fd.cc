#include "os/fd.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

namespace wharf::os {

void Fd::reset() {
  // close(2) is not repeated after EINTR: Linux has released the number either way.
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Fd Fd::duplicate() const {
  return Fd(check(WHARF_CALL(fcntl, fd_, F_DUPFD_CLOEXEC, 3), "duplicate descriptor"));
}

Pipe make_pipe() {
  std::array<int, 2> ends{};
  check(WHARF_CALL(pipe2, ends.data(), O_CLOEXEC), "make pipe");
  return {Fd(ends[0]), Fd(ends[1])};
}

std::size_t read_some(const Fd& fd, std::span<char> into) {
  while (true) {
    const ssize_t n = WHARF_CALL(read, fd.get(), into.data(), into.size());
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR) throw last_error("read");
  }
}

void write_all(const Fd& fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = WHARF_CALL(write, fd.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    check(n, "write");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

std::string read_all(const Fd& fd, std::size_t limit) {
  std::string out;
  std::array<char, 16384> buffer;
  while (const std::size_t n = read_some(fd, buffer)) {
    if (out.size() + n > limit) base::fail(base::Kind::TooLarge, "more than {} bytes", limit);
    out.append(buffer.data(), n);
  }
  return out;
}

}  // namespace wharf::os
