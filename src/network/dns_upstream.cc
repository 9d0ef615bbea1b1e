#include "network/dns_upstream.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <array>
#include <chrono>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "os/poll.h"

namespace wharf::network {
namespace {

using Clock = std::chrono::steady_clock;

/// Docker's own.
constexpr std::chrono::seconds kPatience{4};
constexpr std::chrono::milliseconds kLook{100};
constexpr std::uint16_t kPort = 53;
constexpr std::size_t kMaxAnswer = 65535;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

std::optional<Address> parse(const std::string& server) {
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (::inet_pton(AF_INET, server.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(kPort);
    address.size = sizeof *v4;
  } else if (::inet_pton(AF_INET6, server.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(kPort);
    address.size = sizeof *v6;
  } else {
    return std::nullopt;
  }
  return address;
}

/// One exchange with a server, until its deadline.
class Exchange {
 public:
  Exchange(const Address& to, const DnsAsking& how) : how_(how) {
    const int type = (how.by_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
    socket_ = os::Fd(
        os::check(WHARF_CALL(socket, to.storage.ss_family, type, 0), "make a socket for names"));
    const auto* address = reinterpret_cast<const sockaddr*>(&to.storage);
    if (WHARF_CALL(connect, socket_.get(), address, to.size) < 0 && errno != EINPROGRESS)
      throw os::last_error("reach a name server");
  }

  void send(std::string_view bytes) {
    wait(POLLOUT);
    const ssize_t n = WHARF_CALL(send, socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n != static_cast<ssize_t>(bytes.size())) throw os::last_error("ask a name server");
  }

  /// What comes next, at most `limit` bytes; empty at the end.
  std::string receive(std::size_t limit) {
    wait(POLLIN);
    std::string bytes(limit, '\0');
    const ssize_t n = WHARF_CALL(recv, socket_.get(), bytes.data(), bytes.size(), 0);
    if (n < 0) throw os::last_error("hear from a name server");
    bytes.resize(static_cast<std::size_t>(n));
    return bytes;
  }

  std::string receive_exactly(std::size_t size) {
    std::string bytes;
    while (bytes.size() < size) {
      const std::string more = receive(size - bytes.size());
      if (more.empty()) base::fail(base::Kind::Unavailable, "the name server hung up");
      bytes += more;
    }
    return bytes;
  }

 private:
  void wait(short events) const {
    while (os::wait_for(socket_, events, kLook) == 0) {
      if (Clock::now() > deadline_) base::fail(base::Kind::Unavailable, "no answer in time");
      if (how_.stopping()) base::fail(base::Kind::Cancelled, "the daemon ends");
    }
  }

  const DnsAsking& how_;
  os::Fd socket_;
  Clock::time_point deadline_ = Clock::now() + kPatience;
};

/// An answer, to this question and under this id.
bool answers(std::string_view answer, std::string_view asked) {
  if (answer.size() < asked.size() || answer.substr(0, 2) != asked.substr(0, 2)) return false;
  if ((answer[2] & 0x80) == 0) return false;
  // Servers may change the case of letters.
  return base::equal_fold(answer.substr(12, asked.size() - 12), asked.substr(12));
}

std::string number(std::size_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value)};
}

std::string ask(const Address& to, const DnsQuestion& question, std::string_view message,
                const DnsAsking& how) {
  std::string own(message);
  std::string asked = question.asked;
  os::check(WHARF_CALL(getrandom, own.data(), 2, 0), "read random bytes");
  asked.replace(0, 2, own, 0, 2);
  Exchange exchange(to, how);
  exchange.send(how.by_tcp ? number(own.size()) + own : own);
  while (true) {
    std::string answer;
    if (how.by_tcp) {
      const std::string head = exchange.receive_exactly(2);
      answer = exchange.receive_exactly(static_cast<std::size_t>(
          static_cast<unsigned char>(head[0]) << 8 | static_cast<unsigned char>(head[1])));
    } else {
      answer = exchange.receive(kMaxAnswer);
    }
    if (!answers(answer, asked)) continue;
    answer.replace(0, 2, message.substr(0, 2));
    return answer;
  }
}

}  // namespace

std::optional<std::string> ask_name_server(const std::string& server, const DnsQuestion& question,
                                           std::string_view message, const DnsAsking& how) {
  const auto address = parse(server);
  if (!address) return std::nullopt;
  try {
    return ask(*address, question, message, how);
  } catch (const base::Error& error) {
    base::log_debug("name server {}: {}", server, error.what());
    return std::nullopt;
  }
}

}  // namespace wharf::network
