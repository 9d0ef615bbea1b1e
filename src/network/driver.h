// What kinds of networks there are: one Driver each.
//
// Networks decides names, subnets and addresses; a driver makes the kernel's part: the network
// itself (a bridge, a parent link), and a container's interface on it. Drivers are made once
// and are thread-safe. They throw base::Error.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "network/address.h"
#include "network/network.h"
#include "network/pool.h"
#include "network/publication.h"
#include "network/request.h"

namespace wharf::network {

/// A container's interface to be.
struct InterfacePlan {
  std::string name;  ///< "eth0"
  int index = 2;
  Ipv4 address;
  Subnet subnet;
  MacAddress mac;
  std::optional<Ipv4> gateway;  ///< Set where the default route goes this way.
};

class Driver {
 public:
  virtual ~Driver() = default;

  virtual std::string_view name() const = 0;

  /// One predefined network, none to be made by users ("host", "null").
  virtual bool single_instance() const { return false; }

  /// Whether containers get an interface and an address, or only membership.
  virtual bool has_interfaces() const { return true; }

  /// Throws InvalidArgument with Docker's text for options that make no sense.
  virtual void check(const NetworkConfig& config) const = 0;

  /// Makes the network in the kernel, or takes over what is there. Idempotent.
  virtual void add(const Network& network) = 0;
  virtual void remove(const Network& network) = 0;

  /// Puts the interface into the namespace: up, with address and routes. On an error nothing
  /// of it stays.
  virtual void plug(const Network& network, const InterfacePlan& plan, NetworkNamespace& netns) = 0;

  /// Publishes ports of the container that has `address` on this network, in place of what
  /// `publication` holds; on an error that stays as it was.
  virtual void publish(const Network& network, Ipv4 address, const PortMap& ports,
                       Publication& publication) = 0;
  virtual Publication restore_publication(Ipv4 address, const base::Json& record) = 0;
};

}  // namespace wharf::network
