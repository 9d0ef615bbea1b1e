#include "network/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <charconv>
#include <cstring>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/time.h"
#include "network/address.h"
#include "os/namespace.h"

namespace wharf::network {
namespace {

using base::fail;
using base::Kind;

constexpr std::int64_t kRangeIsGoodForNs = 1'000'000'000;

}  // namespace

struct EphemeralPorts {
  std::uint16_t first = 49153;
  std::uint16_t last = 65535;
  std::vector<std::pair<std::uint16_t, std::uint16_t>> reserved;
  std::int64_t read_at_ns = 0;

  bool allows(std::uint16_t port) const {
    return std::none_of(reserved.begin(), reserved.end(),
                        [&](const auto& r) { return port >= r.first && port <= r.second; });
  }
};

namespace {

std::uint16_t number(std::string_view text, std::uint16_t otherwise) {
  std::uint16_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc{} ? value : otherwise;
}

/// net.ipv4.ip_local_port_range without net.ipv4.ip_local_reserved_ports.
EphemeralPorts ephemeral_ports() {
  EphemeralPorts range;
  range.read_at_ns = base::monotonic_ns();
  try {
    const std::string bounds = os::read_sysctl("net/ipv4/ip_local_port_range");
    const std::size_t gap = bounds.find_first_of(" \t");
    if (gap != std::string::npos) {
      range.first = number(bounds.substr(0, gap), range.first);
      range.last = number(base::trim(std::string_view(bounds).substr(gap)), range.last);
    }
    const std::string reserved = os::read_sysctl("net/ipv4/ip_local_reserved_ports");
    if (reserved.empty()) return range;
    for (const std::string& part : base::split(reserved, ',')) {
      const std::size_t dash = part.find('-');
      const std::uint16_t first = number(part.substr(0, dash), 0);
      const std::uint16_t last =
          dash == std::string::npos ? first : number(part.substr(dash + 1), 0);
      range.reserved.emplace_back(first, last);
    }
  } catch (const base::Error& error) {
    base::log_warn("no port range from the kernel, using 49153-65535: {}", error.what());
  }
  return range;
}

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  int family = AF_INET;
};

SocketAddress socket_address(const std::string& address, std::uint16_t port) {
  SocketAddress made;
  if (is_ipv6(address)) {
    auto* in6 = reinterpret_cast<sockaddr_in6*>(&made.storage);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(port);
    ::inet_pton(AF_INET6, address.c_str(), &in6->sin6_addr);
    made.size = sizeof *in6;
    made.family = AF_INET6;
    return made;
  }
  auto* in = reinterpret_cast<sockaddr_in*>(&made.storage);
  in->sin_family = AF_INET;
  in->sin_port = htons(port);
  in->sin_addr.s_addr = Ipv4::parse(address).network_order();
  made.size = sizeof *in;
  return made;
}

os::Fd new_socket(int family, Protocol protocol) {
  const int type = protocol == Protocol::Udp ? SOCK_DGRAM : SOCK_STREAM;
  os::Fd fd(
      WHARF_CALL(socket, family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, static_cast<int>(protocol)));
  if (fd) {
    const int on = 1;
    if (family == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    return fd;
  }
  if (errno == EPROTONOSUPPORT || errno == ESOCKTNOSUPPORT) {
    fail(Kind::Internal, "{} ports cannot be published: the kernel has no {} support",
         protocol_name(protocol), protocol_name(protocol));
  }
  throw os::last_error("open a {} socket", protocol_name(protocol));
}

/// A bound socket, or errno.
std::pair<os::Fd, int> bind_port(const std::string& address, Protocol protocol,
                                 std::uint16_t port) {
  const SocketAddress to = socket_address(address, port);
  const auto* target = reinterpret_cast<const sockaddr*>(&to.storage);
  os::Fd fd = new_socket(to.family, protocol);
  if (WHARF_CALL(bind, fd.get(), target, to.size) == 0) return {std::move(fd), 0};
  if (errno != EADDRINUSE || protocol != Protocol::Tcp) return {os::Fd(), errno};

  // Connections in TIME_WAIT of a program that is gone also say EADDRINUSE. With SO_REUSEADDR
  // they do not count, but neither would we: only a listening socket keeps others out then.
  fd = new_socket(to.family, protocol);
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (WHARF_CALL(bind, fd.get(), target, to.size) < 0) return {os::Fd(), errno};
  if (WHARF_CALL(listen, fd.get(), 1) < 0) return {os::Fd(), errno};
  return {std::move(fd), 0};
}

bool is_any(const std::string& address) {
  return address == "0.0.0.0" || address == "::";
}

std::string with_port(const std::string& address, std::uint16_t port) {
  return is_ipv6(address) ? fmt::format("[{}]:{}", address, port)
                          : fmt::format("{}:{}", address, port);
}

}  // namespace

PortReservation::PortReservation(PortTable& table, Protocol protocol, std::uint16_t port)
    : table_(&table), protocol_(protocol), port_(port) {}

PortReservation::PortReservation(PortReservation&& other) noexcept {
  *this = std::move(other);
}

PortReservation& PortReservation::operator=(PortReservation&& other) noexcept {
  if (this != &other) {
    release();
    table_ = std::exchange(other.table_, nullptr);
    protocol_ = other.protocol_;
    port_ = other.port_;
    addresses_ = std::move(other.addresses_);
    sockets_ = std::move(other.sockets_);
  }
  return *this;
}

PortReservation::~PortReservation() {
  release();
}

void PortReservation::release() {
  sockets_.clear();
  if (table_) table_->give_back(*this);
  table_ = nullptr;
}

bool PortTable::allocated(const PortChoice& choice, std::uint16_t port) const {
  // An address and "any address" of its family exclude each other.
  return std::any_of(choice.addresses.begin(), choice.addresses.end(), [&](const auto& address) {
    const std::string any = is_ipv6(address) ? "::" : "0.0.0.0";
    if (taken_.contains({address, choice.protocol, port})) return true;
    if (!is_any(address)) return taken_.contains({any, choice.protocol, port});
    const auto it = any_taken_.find({is_ipv6(address), choice.protocol, port});
    return it != any_taken_.end();
  });
}

PortTable::Attempt PortTable::attempt(const PortChoice& choice, std::uint16_t port,
                                      PortReservation& into) {
  if (allocated(choice, port)) {
    failed_ = {choice.addresses.front(), EADDRINUSE};
    return Attempt::AllocatedHere;
  }
  PortReservation reservation(*this, choice.protocol, port);
  reservation.table_ = nullptr;  // Nothing to give back until all of it is taken.
  for (const std::string& address : choice.addresses) {
    auto [socket, error] = bind_port(address, choice.protocol, port);
    if (error != 0) {
      failed_ = {address, error};
      return Attempt::RefusedByKernel;
    }
    reservation.sockets_.push_back(std::move(socket));
  }
  take(choice, port, reservation);
  into = std::move(reservation);
  return Attempt::Done;
}

void PortTable::take(const PortChoice& choice, std::uint16_t port, PortReservation& reservation) {
  for (const std::string& address : choice.addresses) {
    taken_.insert({address, choice.protocol, port});
    ++any_taken_[{is_ipv6(address), choice.protocol, port}];
  }
  reservation.addresses_ = choice.addresses;
  reservation.table_ = this;
}

void PortTable::give_back(const PortReservation& reservation) {
  const std::lock_guard lock(mutex_);
  for (const std::string& address : reservation.addresses_) {
    taken_.erase({address, reservation.protocol_, reservation.port_});
    const auto count =
        any_taken_.find({is_ipv6(address), reservation.protocol_, reservation.port_});
    if (count != any_taken_.end() && --count->second == 0) any_taken_.erase(count);
  }
}

void PortTable::refuse(Attempt last, const PortChoice& choice, std::uint16_t port) const {
  if (last == Attempt::AllocatedHere) {
    fail(Kind::Internal, "Bind for {} failed: port is already allocated",
         with_port(failed_.address, port));
  }
  std::string reason = std::strerror(failed_.error_number);
  reason = base::lower(reason);
  fail(Kind::Internal, "failed to bind host port {}/{}: {}", with_port(failed_.address, port),
       protocol_name(choice.protocol), reason);
}

const EphemeralPorts& PortTable::ephemeral() {
  if (!ephemeral_ || base::monotonic_ns() - ephemeral_->read_at_ns > kRangeIsGoodForNs) {
    ephemeral_ = std::make_shared<const EphemeralPorts>(ephemeral_ports());
  }
  return *ephemeral_;
}

PortReservation PortTable::reserve(const PortChoice& choice) {
  PortReservation reservation;
  const std::lock_guard lock(mutex_);
  if (choice.first != 0) {
    Attempt last = Attempt::AllocatedHere;
    for (std::uint32_t port = choice.first; port <= choice.last; ++port) {
      last = attempt(choice, static_cast<std::uint16_t>(port), reservation);
      if (last == Attempt::Done) return reservation;
    }
    if (choice.first != choice.last && last == Attempt::AllocatedHere) {
      fail(Kind::Internal, "all ports are allocated");
    }
    refuse(last, choice, choice.last);
  }
  // Docker: the next after the last one given, not the lowest free: a port rests.
  const EphemeralPorts& range = ephemeral();
  const std::uint32_t count = std::uint32_t{range.last} - range.first + 1;
  if (last_random_ < range.first || last_random_ > range.last) last_random_ = range.last;
  for (std::uint32_t tried = 0; tried < count; ++tried) {
    last_random_ =
        last_random_ >= range.last ? range.first : static_cast<std::uint16_t>(last_random_ + 1);
    if (!range.allows(last_random_)) continue;
    const Attempt made = attempt(choice, last_random_, reservation);
    if (made == Attempt::Done) return reservation;
    // An address that is not this host's stays so for every port.
    if (made == Attempt::RefusedByKernel && failed_.error_number != EADDRINUSE) {
      refuse(made, choice, last_random_);
    }
  }
  fail(Kind::Internal, "all ports are allocated");
}

PortReservation PortTable::reserve_again(const PortChoice& choice) {
  PortReservation reservation;
  const std::lock_guard lock(mutex_);
  if (attempt(choice, choice.first, reservation) == Attempt::Done) return reservation;
  base::log_warn("port {} stays published, but could not be reserved again: {}",
                 with_port(failed_.address, choice.first), std::strerror(failed_.error_number));
  PortReservation bare(*this, choice.protocol, choice.first);
  bare.table_ = nullptr;
  take(choice, choice.first, bare);
  return bare;
}

std::size_t PortTable::size() const {
  const std::lock_guard lock(mutex_);
  return taken_.size();
}

}  // namespace wharf::network
