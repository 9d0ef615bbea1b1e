// What the supervisor's parts share: its epoll, its messages, its clock.
//
// Static runtime: no heap, no exceptions, one thread; false or -1 means errno.
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string_view>

#include "supervise/protocol.h"

namespace wharf::supervise {

/// What a ready descriptor belongs to; `index` counts within its kind.
enum class Source : std::uint32_t {
  Listener,
  Command,
  Events,
  InitChannel,
  Init,
  MemoryShort,
  Output,
  Stdin,
  Attachment,
  Exec,
  ExecChannel,
};

struct Key {
  Source source;
  std::uint32_t index;
};

class Poller {
 public:
  bool open();
  /// Adds, or changes what is waited for. 0: only errors and hang-ups.
  bool watch(int fd, std::uint32_t events, Key key);
  bool change(int fd, std::uint32_t events, Key key);
  void forget(int fd);
  struct Ready {
    Key key;
    std::uint32_t events;
  };
  /// `timeout_ms` -1: for ever. Returns how many were filled in.
  std::size_t wait(std::span<Ready> into, int timeout_ms);

 private:
  int fd_ = -1;
};

/// Closes and forgets; -1 is nothing.
void close_fd(int& fd);

std::int64_t wall_ns();
std::int64_t monotonic_ms();

/// Descriptors that came with a message. Those that nobody takes are closed.
class Descriptors {
 public:
  Descriptors() = default;
  ~Descriptors();
  Descriptors(const Descriptors&) = delete;
  Descriptors& operator=(const Descriptors&) = delete;
  std::size_t count() const { return count_; }
  /// Ownership goes to the caller; -1 when there is none at this place.
  int take(std::size_t index);
  void add(int fd);

 private:
  int fds_[wire::kMaxDescriptors];
  std::size_t count_ = 0;
};

/// One message: its size, 0 at the end of the connection, -1 (EAGAIN, EMSGSIZE ...).
ssize_t receive(int socket, std::span<char> into, Descriptors& descriptors);

/// One message of two parts with descriptors. Never blocks, no SIGPIPE.
bool send(int socket, std::string_view first, std::string_view second,
          std::span<const int> descriptors);

template <class Message>
std::string_view bytes_of(const Message& message) {
  return {reinterpret_cast<const char*>(&message), sizeof message};
}

}  // namespace wharf::supervise
