// Which subnets and addresses are taken.
//
// AddressSpace gives subnets to networks: the first of the pools that overlaps no other and
// no route of the host. AddressRange gives single addresses of one subnet, the lowest that is
// free (as Docker: the first container of a network has the same address every time). Nothing is
// written: leases follow from the records of sandboxes, subnets from networks.
//
// AddressRange is thread-safe and outlived by no AddressLease. AddressSpace is not thread-safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "network/address.h"
#include "network/settings.h"

namespace wharf::network {

class AddressRange;

/// One address, given back when destroyed.
class AddressLease {
 public:
  AddressLease() = default;
  AddressLease(std::shared_ptr<AddressRange> range, Ipv4 address);
  AddressLease(AddressLease&& other) noexcept;
  AddressLease& operator=(AddressLease&& other) noexcept;
  ~AddressLease();

  Ipv4 address() const { return address_; }
  const Subnet& subnet() const;
  void forget() { range_.reset(); }

 private:
  std::shared_ptr<AddressRange> range_;
  Ipv4 address_;
};

class AddressRange : public std::enable_shared_from_this<AddressRange> {
 public:
  /// Addresses are given from `part` of `subnet`; the first and last of the subnet never are.
  AddressRange(Subnet subnet, Subnet part);

  /// Takes an address for good: the gateway, an auxiliary address.
  void reserve(Ipv4 address);

  /// The lowest free one. Throws Forbidden "no available IPv4 addresses on this network's
  /// address pools: NETWORK (ID)" with the words given.
  AddressLease lease(const std::string& network_words);

  /// This one. Throws Forbidden "Address already in use", or where it is not of the subnet.
  AddressLease lease(Ipv4 address);

  const Subnet& subnet() const { return subnet_; }
  std::uint64_t in_use() const;
  std::uint64_t available() const;

 private:
  friend class AddressLease;
  void give_back(Ipv4 address);
  std::uint64_t word(std::uint32_t index) const;
  bool taken(std::uint32_t offset) const { return word(offset / 64) >> (offset % 64) & 1; }
  void set(std::uint32_t offset, bool taken);
  std::optional<std::uint32_t> next_free(std::uint32_t from, std::uint32_t to) const;

  const Subnet subnet_;
  const Subnet part_;
  mutable std::mutex mutex_;
  std::map<std::uint32_t, std::uint64_t> words_;  ///< A bit per address; absent words are zero.
  std::uint64_t taken_ = 0;
};

class AddressSpace {
 public:
  explicit AddressSpace(std::vector<AddressPool> pools);

  /// Takes the first free subnet of the pools that overlaps none of `avoid`.
  /// Throws Forbidden "all predefined address pools have been fully subnetted".
  Subnet take_any(const std::vector<Subnet>& avoid);

  /// Throws Forbidden "invalid pool request: Pool overlaps with other one on this address space".
  void take(const Subnet& subnet);
  void give_back(const Subnet& subnet);

 private:
  std::vector<AddressPool> pools_;
  std::vector<Subnet> taken_;
};

}  // namespace wharf::network
