#include "os/socket.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace wharf::os {
namespace {

constexpr std::size_t kMaxDescriptors = 253;  // SCM_MAX_FD

struct Address {
  sockaddr_un name{};
  Fd directory;  // Keeps the short name valid.
};

Address address_of(const std::filesystem::path& path) {
  Address address;
  address.name.sun_family = AF_UNIX;
  std::string text = path.string();
  if (text.size() >= sizeof address.name.sun_path) {
    const std::string folder = path.parent_path().string();
    address.directory = Fd(check(WHARF_CALL(open, folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC),
                                 "open {}", folder));
    text = fmt::format("/proc/self/fd/{}/{}", address.directory.get(), path.filename().string());
  }
  if (text.size() >= sizeof address.name.sun_path)
    base::fail(base::Kind::InvalidArgument, "socket name too long: {}", path.string());
  std::memcpy(address.name.sun_path, text.c_str(), text.size() + 1);
  return address;
}

const sockaddr* generic(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address.name);
}

std::vector<Fd> take_descriptors(msghdr& header) {
  std::vector<Fd> taken;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(part) + i * sizeof(int), sizeof number);
      taken.emplace_back(number);
    }
  }
  return taken;
}

}  // namespace

SocketPair make_socket_pair(int type) {
  std::array<int, 2> ends{};
  check(WHARF_CALL(socketpair, AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()), "make socket pair");
  return {Fd(ends[0]), Fd(ends[1])};
}

Fd listen_unix(const std::filesystem::path& path, int type, mode_t mode, int backlog) {
  const Address address = address_of(path);
  Fd socket(check(WHARF_CALL(socket, AF_UNIX, type | SOCK_CLOEXEC, 0), "make socket"));
  if (WHARF_CALL(unlink, path.c_str()) < 0 && errno != ENOENT)
    throw last_error("unlink {}", path.string());
  // The mode is set on the descriptor first: the name never exists with a wider one.
  check(WHARF_CALL(fchmod, socket.get(), mode), "set mode of {}", path.string());
  check(WHARF_CALL(bind, socket.get(), generic(address), socklen_t{sizeof address.name}), "bind {}",
        path.string());
  check(WHARF_CALL(listen, socket.get(), backlog), "listen on {}", path.string());
  return socket;
}

Fd connect_unix(const std::filesystem::path& path, int type) {
  const Address address = address_of(path);
  Fd socket(check(WHARF_CALL(socket, AF_UNIX, type | SOCK_CLOEXEC, 0), "make socket"));
  check(WHARF_CALL(connect, socket.get(), generic(address), socklen_t{sizeof address.name}),
        "connect to {}", path.string());
  return socket;
}

Fd accept_connection(const Fd& listener) {
  while (true) {
    const int taken = WHARF_CALL(accept4, listener.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (taken >= 0) return Fd(taken);
    if (errno == EAGAIN) return Fd();
    // accept(2): errors of a connection that is gone already are not the listener's.
    if (errno != EINTR && errno != ECONNABORTED) throw last_error("accept connection");
  }
}

void set_send_buffer(const Fd& socket, int bytes) {
  check(
      WHARF_CALL(setsockopt, socket.get(), SOL_SOCKET, SO_SNDBUF, &bytes, socklen_t{sizeof bytes}),
      "set send buffer");
}

PeerCredentials peer_credentials(const Fd& socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  check(WHARF_CALL(getsockopt, socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size),
        "ask who connected");
  return {peer.pid, peer.uid, peer.gid};
}

void send_message(const Fd& socket, std::string_view bytes,
                  std::span<const Fd* const> descriptors) {
  if (descriptors.size() > kMaxDescriptors)
    base::fail(base::Kind::InvalidArgument, "more than {} descriptors in one message",
               kMaxDescriptors);
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxDescriptors * sizeof(int))> control{};
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    for (std::size_t i = 0; i < descriptors.size(); ++i) {
      const int number = descriptors[i]->get();
      std::memcpy(CMSG_DATA(rights) + i * sizeof(int), &number, sizeof number);
    }
  }
  ssize_t sent = -1;
  do {
    sent = WHARF_CALL(sendmsg, socket.get(), &header, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  check(sent, "send message");
}

Message receive_message(const Fd& socket, std::span<char> into) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxDescriptors * sizeof(int))> control{};
  iovec part{into.data(), into.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t size = -1;
  do {
    size = WHARF_CALL(recvmsg, socket.get(), &header, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  check(size, "receive message");
  Message message{static_cast<std::size_t>(size), take_descriptors(header)};
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
    base::fail(base::Kind::Internal, "message of more than {} bytes", into.size());
  return message;
}

}  // namespace wharf::os
