// Drivers "host" and "null": networks that are there once and have no interfaces to give.
//
// On "host" a container shares the daemon's own network namespace; on "null" (the network
// "none") it has one with a loopback and nothing else. Stateless.
#pragma once

#include "network/driver.h"

namespace wharf::network {

class FixedDriver : public Driver {
 public:
  explicit FixedDriver(std::string name) : name_(std::move(name)) {}

  std::string_view name() const override { return name_; }
  bool single_instance() const override { return true; }
  bool has_interfaces() const override { return false; }
  void check(const NetworkConfig&) const override {}
  void add(const Network&) override {}
  void remove(const Network&) override {}
  void plug(const Network& network, const InterfacePlan& plan, NetworkNamespace& netns) override;
  void publish(const Network&, Ipv4, const PortMap&, Publication&) override {}
  Publication restore_publication(Ipv4, const base::Json&) override { return {}; }

 private:
  const std::string name_;
};

}  // namespace wharf::network
