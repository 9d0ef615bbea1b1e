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

/// What to publish for the container that has this address.
struct PublishRequest {
  Ipv4 container;
  PortMap wanted;
  std::vector<std::string> default_addresses;  ///< Where a binding names none.
};

class Publication {
 public:
  Publication() = default;
  Publication(Publication&& other) noexcept;
  Publication& operator=(Publication&& other) noexcept;
  ~Publication();

  /// Reserves and translates what is wanted, and gives back what no longer is, all or nothing. A
  /// host port that is wanted again is kept, also one that was chosen freely, and so are the
  /// connections to it. Throws what PortTable::reserve throws.
  void change(Firewall& firewall, PortTable& ports, const PublishRequest& request);

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
  using Targets = std::vector<NftTarget>;

  static Targets targets_of(const Entry& entry, Ipv4 container);
  Entry* held_for(const Port& port, const PortChoice& choice, const std::vector<Entry*>& used);
  static std::vector<Port> lead_to(const std::vector<Entry*>& entries,
                                   const std::vector<Port>& ports);
  void translate(const Targets& targets);
  void add(const Port& port, PortReservation reservation, Ipv4 container);
  void withdraw();

  Firewall* firewall_ = nullptr;
  std::vector<Entry> entries_;
  Targets targets_;
};

}  // namespace wharf::network
