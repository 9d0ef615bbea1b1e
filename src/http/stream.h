// A connection's bytes: a unix or TCP socket, plain or under TLS.
//
// The descriptor is non-blocking; read_some() and write_all() wait with poll(2), at most
// the idle time-out, so a peer that stalls costs its own connection and no more.
// One thread may read while another writes; interrupt() may be called from any thread and
// makes both throw Cancelled. Errors are base::Error with Go's words ("i/o timeout").
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "os/fd.h"

namespace wharf::http {

class Stream {
 public:
  /// What one attempt did: bytes moved, or the poll(2) events to wait for first.
  struct Attempt {
    std::size_t bytes = 0;
    short wait_for = 0;
  };

  virtual ~Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Reads what is there, at least one byte; 0 at the peer's end. Throws.
  std::size_t read_some(std::span<char> into);

  /// Throws; bytes may have gone out before that.
  void write_all(std::string_view bytes);

  /// One attempt without waiting. Reading: {0, 0} is the peer's end.
  virtual Attempt try_read(std::span<char> into) = 0;
  virtual Attempt try_write(std::string_view bytes) = 0;

  /// The peer reads an end; reading here goes on (half-close).
  virtual void shutdown_write() = 0;

  /// True when try_read has bytes that poll(2) on fd() does not show.
  virtual bool buffered() const { return false; }

  /// For poll(2).
  const os::Fd& fd() const { return fd_; }

  /// The longest wait for the peer in one read or write; negative is for ever (default).
  void set_idle_timeout_ms(int timeout_ms) { idle_timeout_ms_ = timeout_ms; }
  int idle_timeout_ms() const { return idle_timeout_ms_; }

  /// From any thread: ends both directions at once.
  void interrupt() noexcept;

  /// Waits for poll(2) `events` up to the idle time-out; returns what came. Throws.
  short wait(short events) const;

 protected:
  explicit Stream(os::Fd fd) : fd_(std::move(fd)) {}
  [[noreturn]] void fail_now(const char* verb) const;
  bool interrupted() const { return interrupted_.load(); }

 private:
  os::Fd fd_;
  int idle_timeout_ms_ = -1;
  std::atomic<bool> interrupted_ = false;
};

/// Takes over a connected stream socket of any family and makes it non-blocking.
std::unique_ptr<Stream> plain_stream(os::Fd socket);

}  // namespace wharf::http
