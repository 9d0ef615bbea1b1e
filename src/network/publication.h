// The ports of one container on the host, owned: reservations and what the firewall
// translates. Destroying it takes both back, the firewall first.
//
// Move-only, one thread at a time.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "network/address.h"
#include "network/firewall.h"
#include "network/ports.h"
#include "network/request.h"

namespace wharf::network {

class Publication {
 public:
  Publication() = default;
  Publication(Publication&& other) noexcept;
  Publication& operator=(Publication&& other) noexcept;
  ~Publication();

  /// Reserves and translates what `wanted` asks for, all or nothing. An empty host address is
  /// `default_addresses`. Throws what PortTable::reserve throws.
  static Publication make(Firewall& firewall, PortTable& ports, Ipv4 container,
                          const PortMap& wanted, const std::vector<std::string>& default_addresses);

  /// After a restart, from record(). The firewall gets it with its next rebuild.
  static Publication restore(Firewall& firewall, PortTable& ports, Ipv4 container,
                             const base::Json& record);

  /// What is bound now.
  PortMap ports() const;
  base::Json record() const;
  bool empty() const { return entries_.empty(); }
  void forget();

 private:
  struct Entry {
    Port port;
    PortReservation reservation;
  };
  void add(const Port& port, PortReservation reservation, Ipv4 container);
  void withdraw();

  Firewall* firewall_ = nullptr;
  std::vector<Entry> entries_;
  std::vector<NftTarget> targets_;
};

}  // namespace wharf::network
