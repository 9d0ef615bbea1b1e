#include "network/publication.h"

#include <algorithm>

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

Publication::Targets Publication::targets_of(const Entry& entry, Ipv4 container) {
  Targets targets;
  for (const std::string& address : entry.reservation.addresses()) {
    // Only IPv4 can be translated to an IPv4 container; IPv6 is reserved and refused there.
    const auto ipv4 = Ipv4::try_parse(address);
    if (!ipv4) continue;
    targets.push_back({*ipv4, static_cast<std::uint8_t>(entry.port.protocol),
                       entry.reservation.port(), container, entry.port.number});
  }
  return targets;
}

void Publication::add(const Port& port, PortReservation reservation, Ipv4 container) {
  entries_.push_back({port, std::move(reservation)});
  std::ranges::copy(targets_of(entries_.back(), container), std::back_inserter(targets_));
}

Publication::Entry* Publication::held_for(const Port& port, const PortChoice& choice,
                                          const std::vector<Entry*>& used) {
  Entry* found = nullptr;
  for (Entry& entry : entries_) {
    const PortReservation& held = entry.reservation;
    const bool any = choice.first == 0;
    if (std::ranges::find(used, &entry) != used.end() || held.protocol() != choice.protocol ||
        held.addresses() != choice.addresses ||
        (!any && (held.port() < choice.first || held.port() > choice.last))) {
      continue;
    }
    if (entry.port == port) return &entry;
    // A host port that leads to another port of the container from now on; one that was chosen
    // freely stays with its own.
    if (!any && !found) found = &entry;
  }
  return found;
}

/// Each entry to its port. Where they led before.
std::vector<Port> Publication::lead_to(const std::vector<Entry*>& entries,
                                       const std::vector<Port>& ports) {
  std::vector<Port> before;
  for (std::size_t i = 0; i < entries.size(); ++i)
    before.push_back(std::exchange(entries[i]->port, ports[i]));
  return before;
}

void Publication::translate(const Targets& targets) {
  const auto missing_in = [](const Targets& all, const Targets& some) {
    Targets missing;
    std::ranges::copy_if(some, std::back_inserter(missing), [&](const NftTarget& one) {
      return std::ranges::find(all, one) == all.end();
    });
    return missing;
  };
  const Targets gone = missing_in(targets, targets_);
  firewall_->withdraw(gone);
  try {
    firewall_->publish(missing_in(targets_, targets));
  } catch (const base::Error&) {
    firewall_->publish(gone);
    throw;
  }
}

void Publication::change(Firewall& firewall, PortTable& ports, const PublishRequest& request) {
  std::vector<Entry*> used;
  std::vector<Port> led_to;
  std::vector<Entry> fresh;
  for (const auto& [port, bindings] : request.wanted) {
    if (!bindings) continue;
    for (const PortBinding& binding : *bindings) {
      const PortChoice choice = choice_of(port, binding, request.default_addresses);
      if (Entry* held = held_for(port, choice, used)) {
        used.push_back(held);
        led_to.push_back(port);
      } else {
        fresh.push_back({port, ports.reserve(choice)});
      }
    }
  }
  Targets targets;
  const auto add_targets = [&](const Entry& entry) {
    std::ranges::copy(targets_of(entry, request.container), std::back_inserter(targets));
  };
  for (const Entry& entry : fresh) add_targets(entry);
  const std::vector<Port> before = lead_to(used, led_to);
  for (const Entry* entry : used) add_targets(*entry);
  firewall_ = &firewall;
  try {
    translate(targets);
  } catch (const base::Error&) {
    lead_to(used, before);
    throw;
  }
  targets_ = std::move(targets);
  for (Entry* entry : used) fresh.push_back(std::move(*entry));
  entries_ = std::move(fresh);
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
