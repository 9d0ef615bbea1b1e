#include "shipping/wire.h"

#include <linux/sockios.h>
#include <netdb.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <thread>

#include "base/time.h"
#include "os/poll.h"
#include "os/socket.h"

namespace wharf::shipping {

namespace {

using base::Kind;

/// How often a stop is looked at while a datagram waits.
constexpr int kLookMs = 100;
constexpr std::chrono::milliseconds kSettleFirst{1};
constexpr std::chrono::milliseconds kSettleMost{16};

os::Fd dial_udp(const http::Endpoint& endpoint) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(endpoint.port);
  if (::getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &found) != 0) {
    base::fail(Kind::Unavailable, "dial udp: lookup {}: no such host", endpoint.host);
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  int error_number = EADDRNOTAVAIL;
  for (const addrinfo* each = found; each; each = each->ai_next) {
    os::Fd socket(
        WHARF_CALL(socket, each->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (socket && WHARF_CALL(connect, socket.get(), each->ai_addr, each->ai_addrlen) == 0) {
      return socket;
    }
    error_number = errno;
  }
  throw base::Error(Kind::Unavailable,
                    fmt::format("dial udp {}:{}: {}", endpoint.host, port,
                                base::errno_error(error_number, "connect").what()),
                    error_number);
}

os::Fd dial_unixgram(const std::string& path) {
  try {
    return os::connect_unix(path, SOCK_DGRAM | SOCK_NONBLOCK);
  } catch (const base::Error& error) {
    throw base::Error(Kind::Unavailable,
                      fmt::format("dial unixgram {}: {}", path,
                                  base::errno_error(error.error_number(), "connect").what()),
                      error.error_number());
  }
}

}  // namespace

void Wire::open(std::stop_token stop) {
  if (stream_ && peer_left()) close();
  if (stream_ || datagrams_) return;
  if (place_.kind == Place::Kind::Udp) {
    datagrams_ = dial_udp(place_.endpoint);
  } else if (place_.kind == Place::Kind::UnixDatagram) {
    datagrams_ = dial_unixgram(place_.endpoint.path);
  } else {
    http::DialOptions options;
    options.connect_timeout_ms = place_.patience_ms;
    options.idle_timeout_ms = place_.patience_ms;
    options.stop = stop;
    stream_ = http::dial(place_.endpoint, options);
  }
}

void Wire::close() {
  stream_.reset();
  datagrams_.reset();
}

/// Bytes written to a connection whose other end has gone would be lost without an error.
bool Wire::peer_left() const {
  pollfd look{stream_->fd().get(), POLLRDHUP, 0};
  return ::poll(&look, 1, 0) > 0 && (look.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void Wire::write(std::string_view bytes, std::stop_token stop) {
  open(stop);
  try {
    if (!stream_) return write_datagram(bytes, stop);
    const std::stop_callback wake(stop, [this] { stream_->interrupt(); });
    stream_->write_all(bytes);
  } catch (const base::Error&) {
    close();
    throw;
  }
}

void Wire::write_datagram(std::string_view bytes, std::stop_token stop) {
  const std::int64_t deadline_ns =
      base::monotonic_ns() + place_.patience_ms * std::int64_t{1'000'000};
  // One more attempt after ECONNREFUSED: of udp it speaks of the datagram before this one.
  bool again = place_.kind == Place::Kind::Udp;
  while (true) {
    const auto sent = WHARF_CALL(send, datagrams_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) return;
    if (errno == EINTR || (errno == ECONNREFUSED && std::exchange(again, false))) continue;
    if (place_.kind == Place::Kind::Udp && errno == ECONNREFUSED) return;
    if (errno != EAGAIN && errno != ENOBUFS) {
      const int error_number = errno;
      throw base::Error(Kind::Unavailable, base::errno_error(error_number, "write").what(),
                        error_number);
    }
    if (stop.stop_requested()) base::fail(Kind::Cancelled, "context canceled");
    if (base::monotonic_ns() > deadline_ns) base::fail(Kind::Unavailable, "i/o timeout");
    os::wait_for(datagrams_, POLLOUT, std::chrono::milliseconds(kLookMs));
  }
}

void Wire::write_descriptor(const os::Fd& file) {
  const os::Fd* const files[] = {&file};
  os::send_message(datagrams_, {}, files);
}

void Wire::settle(std::stop_token stop) {
  if (!stream_) return;
  const std::int64_t patience_ns = place_.patience_ms * std::int64_t{1'000'000};
  std::int64_t deadline_ns = base::monotonic_ns() + patience_ns;
  std::chrono::milliseconds pause = kSettleFirst;
  int before = 0;
  while (true) {
    int unacknowledged = 0;
    if (::ioctl(stream_->fd().get(), SIOCOUTQ, &unacknowledged) != 0) return;
    if (unacknowledged == 0) return;
    if (stop.stop_requested()) base::fail(Kind::Cancelled, "context canceled");
    // A slow receiver is waited for as long as it takes anything at all.
    if (std::exchange(before, unacknowledged) != unacknowledged) {
      deadline_ns = base::monotonic_ns() + patience_ns;
    }
    const bool late = base::monotonic_ns() > deadline_ns;
    if (late || is_broken()) {
      close();
      base::fail(Kind::Unavailable, "write: {}", late ? "i/o timeout" : "connection reset by peer");
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, kSettleMost);
  }
}

bool Wire::is_broken() const {
  pollfd look{stream_->fd().get(), 0, 0};
  return ::poll(&look, 1, 0) > 0 && (look.revents & (POLLHUP | POLLERR)) != 0;
}

std::size_t Wire::read_some(std::span<char> into, int patience_ms, std::stop_token stop) {
  try {
    const std::stop_callback wake(stop, [this] { stream_->interrupt(); });
    stream_->set_idle_timeout_ms(patience_ms);
    const std::size_t got = stream_->read_some(into);
    stream_->set_idle_timeout_ms(place_.patience_ms);
    if (got == 0) base::fail(Kind::Unavailable, "read: EOF");
    return got;
  } catch (const base::Error&) {
    close();
    throw;
  }
}

}  // namespace wharf::shipping
