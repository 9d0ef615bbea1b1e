#include "network/pool.h"

#include <linux/netlink.h>

#include <optional>

#include "network/links.h"
#include "os/namespace.h"

namespace wharf::network {
namespace {

constexpr int kLoopbackIndex = 1;

/// Docker: what containers find (reference/daemon.md, section 8.2).
void set_defaults() {
  os::write_sysctl("net/ipv4/ip_unprivileged_port_start", "0");
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
    os::write_sysctl("net/ipv4/ping_group_range", "0 2147483647");
    socket.emplace(os::NetlinkSocket::open(NETLINK_ROUTE));
    set_link_up(*socket, kLoopbackIndex);
  });
  return {std::move(fd), std::move(*socket)};
}

NetworkNamespace NetworkNamespace::of_user(os::Fd fd) {
  std::optional<os::NetlinkSocket> socket;
  os::in_network_namespace(fd, [&] {
    // Docker: nobody may ping without privilege in there, as the range above is not all mapped.
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

}  // namespace wharf::network
