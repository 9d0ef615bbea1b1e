// A registry for tests that misbehaves as told: plain HTTP on 127.0.0.1, a thread for each
// connection, one function that answers every request.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "base/digest.h"
#include "base/strings.h"
#include "os/fd.h"

namespace wharf::registry {

struct Seen {
  std::string method;
  std::string target;
  std::map<std::string, std::string> headers;  ///< Names in lower case.

  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

struct Reply {
  int status = 200;
  std::map<std::string, std::string> headers;
  std::string body;
  std::size_t cut_after = SIZE_MAX;  ///< Body bytes before the connection is closed.
  int silent_ms = 0;                 ///< Nothing is sent for so long.
};

class FakeRegistry {
 public:
  using Answer = std::function<Reply(const Seen&)>;

  explicit FakeRegistry(Answer answer) : answer_(std::move(answer)) {
    listener_ = os::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    os::check(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address),
              "bind");
    socklen_t bytes = sizeof address;
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &bytes);
    port_ = ntohs(address.sin_port);
    ::listen(listener_.get(), 64);
    acceptor_ = std::jthread([this] { accept_all(); });
  }

  ~FakeRegistry() {
    ending_ = true;
    ::shutdown(listener_.get(), SHUT_RDWR);
    acceptor_.join();
    const std::lock_guard lock(mutex_);
    for (const os::Fd& connection : connections_) ::shutdown(connection.get(), SHUT_RDWR);
  }

  std::string domain() const { return fmt::format("127.0.0.1:{}", port_); }

  std::vector<Seen> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  int count(std::string_view method, std::string_view part) const {
    int n = 0;
    for (const Seen& one : seen())
      n += one.method == method && one.target.find(part) != std::string::npos;
    return n;
  }

 private:
  void accept_all() {
    while (!ending_) {
      os::Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!connection) return;
      const std::lock_guard lock(mutex_);
      connections_.push_back(std::move(connection));
      const os::Fd& mine = connections_.back();
      threads_.emplace_back([this, &mine] { serve(mine); });
    }
  }

  void serve(const os::Fd& connection) {
    try {
      while (one_request(connection)) {
      }
    } catch (const base::Error&) {
      // The client left.
    }
    ::shutdown(connection.get(), SHUT_RDWR);
  }

  bool one_request(const os::Fd& connection) {
    std::string head;
    std::array<char, 1> byte;
    while (!head.ends_with("\r\n\r\n")) {
      if (os::read_some(connection, byte) == 0) return false;
      head += byte[0];
      if (head[0] == 0x16) return false;  // A TLS greeting: this is plain HTTP.
    }
    const Seen request = parse(head);
    drain(connection, request);
    {
      const std::lock_guard lock(mutex_);
      seen_.push_back(request);
    }
    Reply reply = answer_(request);
    for (int waited = 0; waited < reply.silent_ms && !ending_; waited += 20) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    std::string out = fmt::format("HTTP/1.1 {} Whatever\r\nContent-Length: {}\r\n", reply.status,
                                  reply.body.size());
    for (const auto& [name, value] : reply.headers) out += name + ": " + value + "\r\n";
    out += "\r\n";
    if (request.method != "HEAD") out += reply.body.substr(0, reply.cut_after);
    ::send(connection.get(), out.data(), out.size(), MSG_NOSIGNAL);
    return request.method == "HEAD" || reply.cut_after >= reply.body.size();
  }

  static void drain(const os::Fd& connection, const Seen& request) {
    std::vector<char> buffer(64 << 10);
    std::size_t left =
        static_cast<std::size_t>(std::atoll(request.header("content-length").c_str()));
    while (left > 0) {
      const std::size_t n =
          os::read_some(connection, {buffer.data(), std::min(left, buffer.size())});
      if (n == 0) return;
      left -= n;
    }
    if (request.header("transfer-encoding") != "chunked") return;
    for (std::string end; !end.ends_with("\r\n0\r\n\r\n");) {
      const std::size_t n = os::read_some(connection, buffer);
      if (n == 0) return;
      end = (end + std::string(buffer.data(), n));
      if (end.size() > 7) end = end.substr(end.size() - 7);
    }
  }

  static Seen parse(const std::string& head) {
    Seen request;
    const std::vector<std::string> lines = base::split(head, '\n');
    const std::vector<std::string> first = base::split(lines[0], ' ');
    request.method = first.at(0);
    request.target = first.at(1);
    for (std::size_t i = 1; i < lines.size(); ++i) {
      const std::size_t colon = lines[i].find(':');
      if (colon == std::string::npos) continue;
      request.headers[base::lower(lines[i].substr(0, colon))] =
          base::trim(lines[i].substr(colon + 1));
    }
    return request;
  }

  Answer answer_;
  os::Fd listener_;
  int port_ = 0;
  std::atomic<bool> ending_ = false;
  mutable std::mutex mutex_;
  std::vector<Seen> seen_;
  std::list<os::Fd> connections_;
  std::list<std::jthread> threads_;
  std::jthread acceptor_;
};

}  // namespace wharf::registry
