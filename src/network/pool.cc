#include "network/pool.h"

#include <linux/netlink.h>

#include <chrono>

#include "base/log.h"
#include "network/links.h"
#include "os/namespace.h"

namespace wharf::network {
namespace {

constexpr int kLoopbackIndex = 1;
constexpr auto kPauseAfterFailure = std::chrono::seconds(1);

/// Docker: what containers find (reference/daemon.md, section 8.2).
void set_defaults() {
  os::write_sysctl("net/ipv4/ip_unprivileged_port_start", "0");
  os::write_sysctl("net/ipv4/ping_group_range", "0 2147483647");
  try {
    // Interfaces to come are IPv4 only, until a network with IPv6 says otherwise (threats A55).
    // Loopback is there already and keeps ::1.
    os::write_sysctl("net/ipv6/conf/default/disable_ipv6", "1");
    os::write_sysctl("net/ipv6/conf/default/accept_ra", "0");
    os::write_sysctl("net/ipv6/conf/default/accept_redirects", "0");
  } catch (const base::Error& error) {
    if (error.error_number() != ENOENT) throw;  // A kernel without IPv6 has nothing to disable.
  }
}

}  // namespace

NetworkNamespace NetworkNamespace::make() {
  std::optional<os::NetlinkSocket> socket;
  os::Fd fd = os::new_network_namespace([&] {
    set_defaults();
    socket.emplace(os::NetlinkSocket::open(NETLINK_ROUTE));
    set_link_up(*socket, kLoopbackIndex);
  });
  return {std::move(fd), std::move(*socket)};
}

NetworkNamespace NetworkNamespace::enter(os::Fd fd) {
  std::optional<os::NetlinkSocket> socket;
  os::in_network_namespace(fd, [&] { socket.emplace(os::NetlinkSocket::open(NETLINK_ROUTE)); });
  return {std::move(fd), std::move(*socket)};
}

NamespacePool::NamespacePool(unsigned size)
    : size_(size), thread_([this](std::stop_token stop) { fill(stop); }) {}

NamespacePool::~NamespacePool() = default;

NetworkNamespace NamespacePool::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!ready_.empty()) {
      NetworkNamespace taken = std::move(ready_.front());
      ready_.pop_front();
      wanted_.notify_one();
      return taken;
    }
  }
  return NetworkNamespace::make();
}

void NamespacePool::fill(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (!wanted_.wait(lock, stop, [&] { return ready_.size() < size_; })) return;
    lock.unlock();
    std::optional<NetworkNamespace> made;
    try {
      made.emplace(NetworkNamespace::make());
    } catch (const std::exception& error) {
      base::log_warn("cannot make a network namespace ahead of time: {}", error.what());
    }
    lock.lock();
    if (made) {
      ready_.push_back(std::move(*made));
    } else {
      wanted_.wait_for(lock, stop, kPauseAfterFailure, [] { return false; });
    }
  }
}

}  // namespace wharf::network
