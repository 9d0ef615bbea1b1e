#include "http/stream.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

namespace wharf::http {
namespace {

class PlainStream final : public Stream {
 public:
  explicit PlainStream(os::Fd socket) : Stream(std::move(socket)) {}

  Attempt try_read(std::span<char> into) override {
    while (true) {
      const ssize_t n = WHARF_CALL(recv, fd().get(), into.data(), into.size(), 0);
      if (n == 0 && interrupted()) fail_now("read");
      if (n >= 0) return {static_cast<std::size_t>(n), 0};
      if (errno == EAGAIN) return {0, POLLIN};
      if (errno != EINTR) fail_now("read");
    }
  }

  Attempt try_write(std::string_view bytes) override {
    while (true) {
      const ssize_t n = WHARF_CALL(send, fd().get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n >= 0) return {static_cast<std::size_t>(n), 0};
      if (errno == EAGAIN) return {0, POLLOUT};
      if (errno != EINTR) fail_now("write");
    }
  }

  void shutdown_write() override { ::shutdown(fd().get(), SHUT_WR); }
};

}  // namespace

void Stream::fail_now(const char* verb) const {
  const int error_number = errno;
  if (interrupted_) base::fail(base::Kind::Cancelled, "context canceled");
  throw base::Error(base::Kind::Unavailable, base::errno_error(error_number, verb).what(),
                    error_number);
}

void Stream::interrupt() noexcept {
  interrupted_ = true;
  ::shutdown(fd_.get(), SHUT_RDWR);
}

short Stream::wait(short events) const {
  pollfd watched{fd_.get(), events, 0};
  while (true) {
    const int ready = WHARF_CALL(poll, &watched, 1, idle_timeout_ms_);
    if (ready > 0) return watched.revents;
    if (ready == 0) throw base::Error(base::Kind::Unavailable, "i/o timeout", ETIMEDOUT);
    if (errno != EINTR) fail_now("poll");
  }
}

std::size_t Stream::read_some(std::span<char> into) {
  while (true) {
    const Attempt attempt = try_read(into);
    if (attempt.wait_for == 0) return attempt.bytes;
    wait(attempt.wait_for);
  }
}

void Stream::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const Attempt attempt = try_write(bytes);
    bytes.remove_prefix(attempt.bytes);
    if (attempt.wait_for != 0) wait(attempt.wait_for);
  }
}

std::unique_ptr<Stream> plain_stream(os::Fd socket) {
  const int flags = os::check(WHARF_CALL(fcntl, socket.get(), F_GETFL), "read socket flags");
  if (!(flags & O_NONBLOCK)) {
    os::check(WHARF_CALL(fcntl, socket.get(), F_SETFL, flags | O_NONBLOCK), "set socket flags");
  }
  return std::make_unique<PlainStream>(std::move(socket));
}

}  // namespace wharf::http
