#include "http/dial.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <vector>

#include "base/time.h"

namespace wharf::http {
namespace {

using base::Kind;

constexpr std::size_t kProxyHeadLimit = 16 << 10;

struct Address {
  sockaddr_storage storage{};
  socklen_t bytes = 0;

  std::string text() const {
    std::array<char, 64> host{};
    std::array<char, 16> port{};
    ::getnameinfo(reinterpret_cast<const sockaddr*>(&storage), bytes, host.data(), host.size(),
                  port.data(), port.size(), NI_NUMERICHOST | NI_NUMERICSERV);
    const bool v6 = storage.ss_family == AF_INET6;
    return fmt::format("{}{}{}:{}", v6 ? "[" : "", host.data(), v6 ? "]" : "", port.data());
  }
};

[[noreturn]] void cannot_dial(const std::string& what, int error_number) {
  const std::string words =
      error_number == ETIMEDOUT ? "i/o timeout" : base::errno_error(error_number, "connect").what();
  throw base::Error(Kind::Unavailable, "dial " + what + ": " + words, error_number);
}

/// Addresses of both families in turn, the resolver's first family first (RFC 8305, 4).
std::vector<Address> look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (failed) {
    const bool unknown = failed == EAI_NONAME || failed == EAI_NODATA;
    base::fail(Kind::Unavailable, "dial tcp: lookup {}: {}", host,
               unknown ? "no such host" : ::gai_strerror(failed));
  }
  std::vector<Address> first;
  std::vector<Address> second;
  for (const addrinfo* each = found; each; each = each->ai_next) {
    Address address;
    std::memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
    address.bytes = each->ai_addrlen;
    (each->ai_family == found->ai_family ? first : second).push_back(address);
  }
  ::freeaddrinfo(found);
  std::vector<Address> mixed;
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) mixed.push_back(first[i]);
    if (i < second.size()) mixed.push_back(second[i]);
  }
  return mixed;
}

/// Addresses being connected to at the same time, each started kNextAddressMs after the last.
class Race {
 public:
  Race(std::vector<Address> addresses, const DialOptions& options)
      : addresses_(std::move(addresses)),
        stop_(options.stop),
        deadline_ns_(base::monotonic_ns() + options.connect_timeout_ms * std::int64_t{1'000'000}) {}

  os::Fd winner() {
    std::int64_t next_start_ns = 0;
    while (true) {
      const std::int64_t now_ns = base::monotonic_ns();
      if (stop_.stop_requested()) base::fail(Kind::Cancelled, "context canceled");
      if (now_ns >= deadline_ns_) cannot_dial("tcp " + addresses_.front().text(), ETIMEDOUT);
      if (started_ < addresses_.size() && (now_ns >= next_start_ns || running_.empty())) {
        next_start_ns = now_ns + kNextAddressMs * std::int64_t{1'000'000};
        if (os::Fd done = start()) return done;
        continue;
      }
      if (running_.empty()) cannot_dial("tcp " + failed_, error_number_);
      if (os::Fd done = wait(deadline_ns_ - now_ns)) return done;
    }
  }

 private:
  struct Attempt {
    os::Fd socket;
    std::size_t address;
  };

  void lost(std::size_t address, int error_number) {
    if (!failed_.empty()) return;
    failed_ = addresses_[address].text();
    error_number_ = error_number;
  }

  os::Fd start() {
    const std::size_t index = started_++;
    const Address& address = addresses_[index];
    os::Fd socket(WHARF_CALL(socket, address.storage.ss_family,
                             SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) {
      lost(index, errno);
      return {};
    }
    const int on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(socket.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    const auto* where = reinterpret_cast<const sockaddr*>(&address.storage);
    if (WHARF_CALL(connect, socket.get(), where, address.bytes) == 0) return socket;
    if (errno == EINPROGRESS) {
      running_.push_back({std::move(socket), index});
    } else {
      lost(index, errno);
    }
    return {};
  }

  os::Fd wait(std::int64_t left_ns) {
    std::vector<pollfd> watched;
    for (const Attempt& each : running_) watched.push_back({each.socket.get(), POLLOUT, 0});
    const int timeout_ms = static_cast<int>(std::min<std::int64_t>(left_ns / 1'000'000 + 1, 100));
    if (WHARF_CALL(poll, watched.data(), watched.size(), timeout_ms) <= 0) return {};
    for (std::size_t i = watched.size(); i-- > 0;) {
      if (!watched[i].revents) continue;
      int error_number = 0;
      socklen_t bytes = sizeof error_number;
      ::getsockopt(watched[i].fd, SOL_SOCKET, SO_ERROR, &error_number, &bytes);
      Attempt done = std::move(running_[i]);
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
      if (!error_number) return std::move(done.socket);
      lost(done.address, error_number);
    }
    return {};
  }

  std::vector<Address> addresses_;
  std::stop_token stop_;
  std::int64_t deadline_ns_;
  std::size_t started_ = 0;
  std::vector<Attempt> running_;
  std::string failed_;
  int error_number_ = 0;
};

os::Fd connect_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) cannot_dial("unix " + path, EINVAL);
  std::memcpy(address.sun_path, path.data(), path.size());
  os::Fd socket(os::check(WHARF_CALL(socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const auto bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  int result = 0;
  do {
    result = WHARF_CALL(connect, socket.get(), reinterpret_cast<sockaddr*>(&address), bytes);
  } while (result < 0 && errno == EINTR);
  if (result < 0) cannot_dial("unix " + path, errno);
  return socket;
}

/// "HTTP/1.1 200 Connection established" and headers, read byte by byte: what follows is TLS's.
void tunnel(const os::Fd& socket, const Endpoint& endpoint, const DialOptions& options) {
  const auto stream = plain_stream(os::Fd(os::check(::dup(socket.get()), "duplicate socket")));
  stream->set_idle_timeout_ms(options.connect_timeout_ms);
  const bool v6 = endpoint.host.find(':') != std::string::npos;
  const std::string to =
      fmt::format("{}{}{}:{}", v6 ? "[" : "", endpoint.host, v6 ? "]" : "", endpoint.port);
  std::string request = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", to);
  if (!endpoint.proxy->authorization.empty())
    request += "Proxy-Authorization: " + endpoint.proxy->authorization + "\r\n";
  stream->write_all(request + "\r\n");
  std::string head;
  std::array<char, 1> byte{};
  while (!head.ends_with("\r\n\r\n")) {
    if (head.size() > kProxyHeadLimit || stream->read_some(byte) == 0)
      base::fail(Kind::Unavailable, "proxy {}: no answer to CONNECT", endpoint.proxy->host);
    head += byte[0];
  }
  const std::string_view line = std::string_view(head).substr(0, head.find('\r'));
  const std::size_t status = line.find(' ');
  if (line.starts_with("HTTP/1.") && line.substr(status + 1).starts_with("200")) return;
  // Docker: Go says the words behind the status alone.
  const std::size_t words = line.find(' ', status + 1);
  base::fail(Kind::Unavailable, "proxy {}: {:.200}", endpoint.proxy->host,
             words == std::string_view::npos ? line : line.substr(words + 1));
}

os::Fd connect_tcp(const Endpoint& endpoint, const DialOptions& options) {
  if (!endpoint.proxy) return Race(look_up(endpoint.host, endpoint.port), options).winner();
  try {
    os::Fd socket = Race(look_up(endpoint.proxy->host, endpoint.proxy->port), options).winner();
    if (endpoint.tls) tunnel(socket, endpoint, options);
    return socket;
  } catch (const base::Error& error) {
    if (error.kind() != Kind::Unavailable) throw;
    throw base::Error(error.kind(), std::string("proxyconnect tcp: ") + error.what(),
                      error.error_number());
  }
}

}  // namespace

std::unique_ptr<Stream> dial(const Endpoint& endpoint, const DialOptions& options) {
  if (!endpoint.path.empty()) {
    auto stream = plain_stream(connect_unix(endpoint.path));
    stream->set_idle_timeout_ms(options.idle_timeout_ms);
    return stream;
  }
  os::Fd socket = connect_tcp(endpoint, options);
  if (endpoint.tls) return tls_stream(std::move(socket), *endpoint.tls, endpoint.host, options);
  auto stream = plain_stream(std::move(socket));
  stream->set_idle_timeout_ms(options.idle_timeout_ms);
  return stream;
}

}  // namespace wharf::http
