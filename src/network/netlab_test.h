// A small world for the tests of this room: every test in a network namespace of its own, so
// that no test sees the host's links or another test's.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "base/event.h"
#include "base/ids.h"
#include "network/links.h"
#include "network/networks.h"
#include "network/pool.h"
#include "os/file.h"
#include "os/namespace.h"
#include "store/database.h"

namespace wharf::network::lab {

/// Runs the body in a thread with a network namespace of its own, loopback up.
inline void in_new_world(const std::function<void()>& body) {
  NetworkNamespace world = NetworkNamespace::make();
  os::in_network_namespace(world.fd, [&] {
    os::write_sysctl("net/ipv4/ip_forward", "0");  // Inherited from the first namespace.
    body();
  });
}

/// Keeps what was published, for tests to look at.
class Recorder : public base::EventSink {
 public:
  void publish(base::Event event) override {
    const std::lock_guard lock(mutex);
    actions.push_back(event.action);
  }
  std::mutex mutex;
  std::vector<std::string> actions;
};

/// A daemon's networks on a store of their own. `restart()` is kill -9 and start.
struct Daemon {
  explicit Daemon(Settings given = {}) : settings(std::move(given)) {
    settings.instance = "test";
    settings.pooled_namespaces = 2;
    start();
    networks->restored();
  }
  void start() {
    database = std::make_unique<store::Database>(directory.path() / "wharf.db");
    networks = std::make_unique<Networks>(settings, *database, events);
  }
  void stop() {
    networks.reset();
    database.reset();
  }

  os::TempDirectory directory;
  Settings settings;
  Recorder events;
  std::unique_ptr<store::Database> database;
  std::unique_ptr<Networks> networks;
};

inline JoinRequest on_bridge(const std::string& name) {
  JoinRequest request;
  request.container_id = base::random_id();
  request.container_name = name;
  request.hostname = request.container_id.substr(0, 12);
  request.endpoints.emplace_back().network = "bridge";
  return request;
}

inline PortMap publish(const std::string& port, const std::string& ip, const std::string& host) {
  PortMap map;
  map[Port::parse(port)] = {PortBinding{ip, host}};
  return map;
}

/// The world behind the host's uplink: 203.0.113.2, with the host (203.0.113.1) as its router.
struct Outside {
  Outside() : netns(NetworkNamespace::make()) {
    auto here = os::NetlinkSocket::open(NETLINK_ROUTE);
    VethPair pair;
    pair.host_name = "up0";
    pair.peer_name = "eth0";
    pair.peer_mac = MacAddress::random();
    create_veth(here, pair, netns.fd);
    add_address(here, find_link(here, "up0")->index, Ipv4::parse("203.0.113.1"), 24);
    set_up_interface(netns.route, {2, Ipv4::parse("203.0.113.2"), 24, Ipv4::parse("203.0.113.1")});
  }
  NetworkNamespace netns;
};

struct SocketAddress {
  sockaddr_in in{};
  SocketAddress(const std::string& address, int port) {
    in.sin_family = AF_INET;
    in.sin_port = htons(static_cast<std::uint16_t>(port));
    ::inet_pton(AF_INET, address.c_str(), &in.sin_addr);
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&in); }
};

/// Listens inside `netns` and answers every connection or datagram with `answer` and its
/// client's address, until destroyed.
class Server {
 public:
  Server(const os::Fd& netns, int type, int port, std::string answer,
         const std::string& address = "0.0.0.0")
      : type_(type), answer_(std::move(answer)) {
    os::in_network_namespace(netns, [&] {
      fd_ = os::Fd(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      const int on = 1;
      ::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      const SocketAddress at(address, port);
      os::check(::bind(fd_.get(), at.get(), sizeof at.in), "bind");
      if (type == SOCK_STREAM) os::check(::listen(fd_.get(), 64), "listen");
    });
    thread_ = std::jthread([this](std::stop_token stop) { serve(stop); });
  }

 private:
  void serve(std::stop_token stop) {
    while (!stop.stop_requested()) {
      pollfd poll{fd_.get(), POLLIN, 0};
      if (::poll(&poll, 1, 20) <= 0) continue;
      sockaddr_in from{};
      socklen_t size = sizeof from;
      auto* peer = reinterpret_cast<sockaddr*>(&from);
      char text[INET_ADDRSTRLEN] = {};
      if (type_ == SOCK_DGRAM) {
        char scrap[64];
        if (::recvfrom(fd_.get(), scrap, sizeof scrap, 0, peer, &size) < 0) continue;
        ::inet_ntop(AF_INET, &from.sin_addr, text, sizeof text);
        const std::string reply = answer_ + " " + text;
        ::sendto(fd_.get(), reply.data(), reply.size(), 0, peer, size);
        continue;
      }
      const os::Fd client(::accept4(fd_.get(), peer, &size, SOCK_CLOEXEC));
      if (!client) continue;
      ::inet_ntop(AF_INET, &from.sin_addr, text, sizeof text);
      const std::string reply = answer_ + " " + text;
      [[maybe_unused]] const ssize_t n = ::write(client.get(), reply.data(), reply.size());
    }
  }

  int type_;
  std::string answer_;
  os::Fd fd_;
  std::jthread thread_;
};

/// What a client in the calling thread's namespace gets: the answer, "refused" or "silence".
inline std::string ask(int type, const std::string& address, int port, int timeout_ms = 5000) {
  const os::Fd fd(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const SocketAddress to(address, port);
  if (::connect(fd.get(), to.get(), sizeof to.in) < 0 && errno != EINPROGRESS) {
    return errno == ECONNREFUSED ? "refused" : std::string("error: ") + std::strerror(errno);
  }
  if (type == SOCK_DGRAM) [[maybe_unused]]
    const ssize_t n = ::send(fd.get(), "?", 1, 0);
  pollfd poll{fd.get(), POLLIN, 0};
  if (::poll(&poll, 1, timeout_ms) <= 0) return "silence";
  char text[256];
  const ssize_t n = ::recv(fd.get(), text, sizeof text, 0);
  if (n < 0) return errno == ECONNREFUSED ? "refused" : std::strerror(errno);
  return std::string(text, static_cast<std::size_t>(n));
}

inline std::string ask_from(const os::Fd& netns, int type, const std::string& address, int port,
                            int timeout_ms = 5000) {
  std::string answer;
  os::in_network_namespace(netns, [&] { answer = ask(type, address, port, timeout_ms); });
  return answer;
}

}  // namespace wharf::network::lab
