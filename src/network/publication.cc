#include "network/publication.h"

#include "base/error.h"
#include "base/log.h"
#include "network/binding.h"

namespace wharf::network {
namespace {

using base::fail;
using base::Kind;

PortChoice choice_of(const Port& port, const PortBinding& binding,
                     const std::vector<std::string>& default_addresses) {
  const HostPorts host = parse_host_ports(binding.host_port);
  PortChoice choice{default_addresses, port.protocol, host.first, host.last};
  if (!binding.host_ip.empty()) choice.addresses = {binding.host_ip};
  return choice;
}

}  // namespace

Publication::Publication(Publication&& other) noexcept {
  *this = std::move(other);
}

Publication& Publication::operator=(Publication&& other) noexcept {
  if (this != &other) {
    withdraw();
    firewall_ = std::exchange(other.firewall_, nullptr);
    entries_ = std::move(other.entries_);
    targets_ = std::move(other.targets_);
    other.entries_.clear();
    other.targets_.clear();
  }
  return *this;
}

Publication::~Publication() {
  withdraw();
}

void Publication::withdraw() {
  if (!firewall_) return;
  try {
    firewall_->withdraw(targets_);
  } catch (const std::exception& error) {
    base::log_error("a published port stays in the firewall: {}", error.what());
  }
  firewall_ = nullptr;
  targets_.clear();
  entries_.clear();
}

void Publication::add(const Port& port, PortReservation reservation, Ipv4 container) {
  for (const std::string& address : reservation.addresses()) {
    // Only IPv4 can be translated to an IPv4 container; IPv6 is reserved and refused there.
    const auto ipv4 = Ipv4::try_parse(address);
    if (!ipv4) continue;
    targets_.push_back({*ipv4, static_cast<std::uint8_t>(port.protocol), reservation.port(),
                        container, port.number});
  }
  entries_.push_back({port, std::move(reservation)});
}

Publication Publication::make(Firewall& firewall, PortTable& ports, Ipv4 container,
                              const PortMap& wanted,
                              const std::vector<std::string>& default_addresses) {
  Publication made;
  for (const auto& [port, bindings] : wanted) {
    if (!bindings) continue;
    for (const PortBinding& binding : *bindings) {
      made.add(port, ports.reserve(choice_of(port, binding, default_addresses)), container);
    }
  }
  firewall.publish(made.targets_);
  made.firewall_ = &firewall;
  return made;
}

PortMap Publication::ports() const {
  PortMap map;
  for (const Entry& entry : entries_) {
    auto& bindings = map[entry.port];
    if (!bindings) bindings.emplace();
    for (const std::string& address : entry.reservation.addresses()) {
      bindings->push_back({address, std::to_string(entry.reservation.port())});
    }
  }
  return map;
}

base::Json Publication::record() const {
  base::JsonArray list;
  for (const Entry& entry : entries_) {
    base::JsonArray addresses;
    for (const std::string& address : entry.reservation.addresses()) {
      addresses.emplace_back(address);
    }
    list.push_back(base::JsonObject{{"Port", entry.port.text()},
                                    {"HostPort", entry.reservation.port()},
                                    {"Addresses", std::move(addresses)}});
  }
  return list;
}

Publication Publication::restore(Firewall& firewall, PortTable& ports, Ipv4 container,
                                 const base::Json& record) {
  Publication made;
  for (const base::Json& each : record.as_array()) {
    const base::JsonObject& object = each.as_object();
    const Port port = Port::parse(std::string(base::text_at(object, "Port")));
    PortChoice choice;
    choice.protocol = port.protocol;
    choice.first = choice.last = object.at("HostPort").to_number<std::uint16_t>();
    for (const base::Json& address : object.at("Addresses").as_array()) {
      choice.addresses.emplace_back(address.as_string());
    }
    made.add(port, ports.reserve_again(choice), container);
  }
  firewall.adopt(made.targets_);
  made.firewall_ = &firewall;
  return made;
}

void Publication::forget() {
  firewall_ = nullptr;
}

}  // namespace wharf::network
