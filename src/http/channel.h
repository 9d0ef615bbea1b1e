// A connected byte stream with deadlines: a socket, plain or under TLS.
//
// All waiting is poll(2), so a peer that neither reads nor writes costs its thread and
// nothing else. One thread at a time; interrupt() of the owner's socket (shutdown(2))
// from another thread ends every wait.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "os/fd.h"

namespace wharf::http {

inline constexpr int kNoTimeout = -1;

class Channel {
 public:
  virtual ~Channel() = default;

  /// At most into.size() bytes, at least one; 0 at the end of the stream. Throws
  /// Cancelled with ETIMEDOUT after `timeout_ms` without a byte, or with the socket's error.
  virtual std::size_t read(std::span<char> into, int timeout_ms) = 0;

  /// All of it. `timeout_ms` is for each wait in which the peer takes nothing.
  virtual void write(std::string_view bytes, int timeout_ms) = 0;

  /// shutdown(SHUT_WR), under TLS after close_notify.
  virtual void shut_write() = 0;

  /// The socket beneath, for poll and shutdown; the channel keeps it.
  virtual int socket() const = 0;

  /// A descriptor with the plain bytes: the socket itself, or one end of a pair that a
  /// thread of its own feeds through TLS. The channel is spent.
  virtual os::Fd detach() = 0;
};

/// A channel over a connected stream socket.
std::unique_ptr<Channel> plain_channel(os::Fd socket);

}  // namespace wharf::http
