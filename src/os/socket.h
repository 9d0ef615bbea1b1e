// Unix sockets: pairs, paths, messages with descriptors, and who is at the other end.
//
// unix(7). Everything is close-on-exec. Paths longer than sun_path (107 bytes) work: they
// are reached through /proc/self/fd. Functions throw base::Error and may be called from any
// thread; one socket is written by one thread at a time.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "os/fd.h"

namespace wharf::os {

struct SocketPair {
  Fd first;
  Fd second;
};

/// `type`: SOCK_STREAM or SOCK_SEQPACKET, with SOCK_NONBLOCK if wanted.
SocketPair make_socket_pair(int type);

/// Binds `path` (a stale socket there is replaced) with `mode` and listens.
Fd listen_unix(const std::filesystem::path& path, int type, mode_t mode, int backlog = 128);

/// errno is kept in the Error: ENOENT and ECONNREFUSED mean that nobody is there.
Fd connect_unix(const std::filesystem::path& path, int type);

/// accept4(2); with a non-blocking listener an invalid Fd when nobody waits.
Fd accept_connection(const Fd& listener);

/// Asks for room for `bytes` on the way out (SO_SNDBUF).
void set_send_buffer(const Fd& socket, int bytes);

/// SO_PEERCRED: who connected, as the kernel knows it.
struct PeerCredentials {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};
PeerCredentials peer_credentials(const Fd& socket);

/// One message with its descriptors (SCM_RIGHTS, at most 253), without SIGPIPE.
void send_message(const Fd& socket, std::string_view bytes,
                  std::span<const Fd* const> descriptors = {});

/// One message. An empty `size` is the end of the connection. A message that does not fit
/// into the buffer, or more descriptors than 253, is an Error and its descriptors are closed.
struct Message {
  std::size_t size = 0;
  std::vector<Fd> descriptors;
};
Message receive_message(const Fd& socket, std::span<char> into);

}  // namespace wharf::os
