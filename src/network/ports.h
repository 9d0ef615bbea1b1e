// Ports of the host, reserved by a real bind(2).
//
// A reservation holds a bound socket, so that a host program cannot take the port while a
// container is published on it, nor a container one that a program has. The socket does not
// listen: what arrives is translated before it gets there. PortTable also knows what this
// daemon gave away, for Docker's own error text.
//
// Thread-safe; a Reservation belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "network/request.h"
#include "os/fd.h"

namespace wharf::network {

class PortTable;
struct EphemeralPorts;

/// One host port, on one or several addresses; given back when destroyed.
class PortReservation {
 public:
  PortReservation() = default;
  PortReservation(PortTable& table, Protocol protocol, std::uint16_t port);
  PortReservation(PortReservation&& other) noexcept;
  PortReservation& operator=(PortReservation&& other) noexcept;
  ~PortReservation();

  std::uint16_t port() const { return port_; }
  Protocol protocol() const { return protocol_; }
  const std::vector<std::string>& addresses() const { return addresses_; }

 private:
  friend class PortTable;
  void release();

  PortTable* table_ = nullptr;
  Protocol protocol_ = Protocol::Tcp;
  std::uint16_t port_ = 0;
  std::vector<std::string> addresses_;
  std::vector<os::Fd> sockets_;
};

/// From where ports are taken: one port, or any of several.
struct PortChoice {
  std::vector<std::string> addresses;  ///< The port must be free on all of them.
  Protocol protocol = Protocol::Tcp;
  std::uint16_t first = 0;  ///< 0: any of net.ipv4.ip_local_port_range.
  std::uint16_t last = 0;
};

class PortTable {
 public:
  /// Throws Internal "Bind for 0.0.0.0:80 failed: port is already allocated", "failed to bind host
  /// port 0.0.0.0:80/tcp: address already in use", Internal "all ports are allocated".
  PortReservation reserve(const PortChoice& choice);

  /// After a restart: takes the port even where the bind fails (logged), as packets for it are
  /// translated anyway.
  PortReservation reserve_again(const PortChoice& choice);

  std::size_t size() const;

 private:
  friend class PortReservation;
  using Key = std::tuple<std::string, Protocol, std::uint16_t>;
  enum class Attempt { Done, AllocatedHere, RefusedByKernel };
  struct Refusal {
    std::string address;
    int error_number = 0;
  };
  Attempt attempt(const PortChoice& choice, std::uint16_t port, PortReservation& into);
  bool allocated(const PortChoice& choice, std::uint16_t port) const;
  void take(const PortChoice& choice, std::uint16_t port, PortReservation& reservation);
  [[noreturn]] void refuse(Attempt last, const PortChoice& choice, std::uint16_t port) const;
  void give_back(const PortReservation& reservation);
  const EphemeralPorts& ephemeral();

  mutable std::mutex mutex_;
  std::set<Key> taken_;
  /// How many addresses of one family (true: IPv6) have a port: "any address" needs none.
  std::map<std::tuple<bool, Protocol, std::uint16_t>, int> any_taken_;
  std::uint16_t last_random_ = 0;
  std::shared_ptr<const EphemeralPorts> ephemeral_;  ///< Read again after a second.
  Refusal failed_;                                   ///< Of the last attempt.
};

}  // namespace wharf::network
