// A server for tests: accepts on a unix socket or 127.0.0.1 and plays one function per
// connection, in order, on its own thread.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <functional>
#include <thread>
#include <vector>

#include "http/dial.h"
#include "os/file.h"

namespace wharf::http {

class ScriptedServer {
 public:
  using Play = std::function<void(os::Fd& connection)>;
  enum class Family { Unix, Tcp };

  ScriptedServer(Family family, std::vector<Play> plays) : plays_(std::move(plays)) {
    listener_ =
        os::Fd(::socket(family == Family::Unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (family == Family::Unix) {
      endpoint_.path = (directory_.path() / "s").string();
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      endpoint_.path.copy(address.sun_path, sizeof address.sun_path - 1);
      os::check(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address),
                "bind");
    } else {
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      os::check(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address),
                "bind");
      socklen_t bytes = sizeof address;
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &bytes);
      endpoint_.host = "127.0.0.1";
      endpoint_.port = ntohs(address.sin_port);
    }
    ::listen(listener_.get(), 16);
    thread_ = std::jthread([this] {
      for (const Play& play : plays_) {
        os::Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!connection) return;
        ++accepted_;
        play(connection);
      }
    });
  }
  ~ScriptedServer() { ::shutdown(listener_.get(), SHUT_RDWR); }

  const Endpoint& endpoint() const { return endpoint_; }
  int accepted() const { return accepted_; }

  /// Reads until the empty line after the head and returns what came.
  static std::string read_head(const os::Fd& connection) {
    std::string got;
    std::array<char, 1> one;
    while (!got.ends_with("\r\n\r\n") && os::read_some(connection, one)) got += one[0];
    return got;
  }

  static std::string read_bytes(const os::Fd& connection, std::size_t count) {
    std::string got(count, '\0');
    std::size_t at = 0;
    while (at < count) {
      const std::size_t n = os::read_some(connection, std::span(got).subspan(at));
      if (!n) break;
      at += n;
    }
    got.resize(at);
    return got;
  }

 private:
  os::TempDirectory directory_;
  std::vector<Play> plays_;
  os::Fd listener_;
  Endpoint endpoint_;
  std::atomic<int> accepted_ = 0;
  std::jthread thread_;
};

}  // namespace wharf::http
