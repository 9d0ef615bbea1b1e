#include "network/ipam.h"

#include <bit>

#include "base/error.h"

namespace wharf::network {

using base::fail;
using base::Kind;

namespace {

// Docker: the local address pools (reference/daemon.md, section 8.3).
const std::vector<AddressPool>& docker_pools() {
  static const std::vector<AddressPool> pools = {
      {"172.17.0.0/16", 16}, {"172.18.0.0/16", 16}, {"172.19.0.0/16", 16}, {"172.20.0.0/14", 16},
      {"172.24.0.0/14", 16}, {"172.28.0.0/14", 16}, {"192.168.0.0/16", 20}};
  return pools;
}

bool overlaps_any(const Subnet& subnet, const std::vector<Subnet>& others) {
  return std::any_of(others.begin(), others.end(),
                     [&](const Subnet& other) { return subnet.overlaps(other); });
}

}  // namespace

AddressLease::AddressLease(std::shared_ptr<AddressRange> range, Ipv4 address)
    : range_(std::move(range)), address_(address) {}

AddressLease::AddressLease(AddressLease&& other) noexcept
    : range_(std::move(other.range_)), address_(other.address_) {}

AddressLease& AddressLease::operator=(AddressLease&& other) noexcept {
  if (this != &other) {
    if (range_) range_->give_back(address_);
    range_ = std::move(other.range_);
    address_ = other.address_;
  }
  return *this;
}

AddressLease::~AddressLease() {
  if (range_) range_->give_back(address_);
}

const Subnet& AddressLease::subnet() const {
  return range_->subnet();
}

AddressRange::AddressRange(Subnet subnet, Subnet part)
    : subnet_(subnet.masked()), part_(part.masked()) {
  // The network's own address and its broadcast address are nobody's. A /31 or /32 has neither.
  if (subnet_.bits < 31) {
    set(0, true);
    set(subnet_.last().value - subnet_.base.value, true);
  }
}

std::uint64_t AddressRange::word(std::uint32_t index) const {
  const auto found = words_.find(index);
  return found == words_.end() ? 0 : found->second;
}

void AddressRange::set(std::uint32_t offset, bool now_taken) {
  if (taken(offset) == now_taken) return;
  std::uint64_t& bits = words_[offset / 64];
  bits ^= std::uint64_t{1} << (offset % 64);
  if (bits == 0) words_.erase(offset / 64);
  now_taken ? ++taken_ : --taken_;
}

std::optional<std::uint32_t> AddressRange::next_free(std::uint32_t from, std::uint32_t to) const {
  for (std::uint64_t at = from; at <= to;) {
    const std::uint64_t free = ~word(static_cast<std::uint32_t>(at / 64)) >> (at % 64);
    if (free != 0) {
      at += static_cast<std::uint64_t>(std::countr_zero(free));
      return at <= to ? std::optional(static_cast<std::uint32_t>(at)) : std::nullopt;
    }
    at = (at / 64 + 1) * 64;
  }
  return std::nullopt;
}

void AddressRange::reserve(Ipv4 address) {
  const std::lock_guard lock(mutex_);
  if (subnet_.contains(address)) set(address.value - subnet_.base.value, true);
}

AddressLease AddressRange::lease(const std::string& network_words) {
  const std::lock_guard lock(mutex_);
  const std::uint32_t first = part_.base.value - subnet_.base.value;
  const std::uint32_t last = part_.last().value - subnet_.base.value;
  const std::optional<std::uint32_t> offset = next_free(first, last);
  if (!offset) {
    fail(Kind::Forbidden, "no available IPv4 addresses on this network's address pools: {}",
         network_words);
  }
  set(*offset, true);
  return AddressLease(shared_from_this(), Ipv4{subnet_.base.value + *offset});
}

AddressLease AddressRange::lease(Ipv4 address) {
  const std::lock_guard lock(mutex_);
  if (!subnet_.contains(address)) {
    fail(Kind::InvalidArgument, "no configured subnet contains IP address {}", address.text());
  }
  const std::uint32_t offset = address.value - subnet_.base.value;
  if (taken(offset)) fail(Kind::Forbidden, "Address already in use");
  set(offset, true);
  return AddressLease(shared_from_this(), address);
}

void AddressRange::give_back(Ipv4 address) {
  const std::lock_guard lock(mutex_);
  set(address.value - subnet_.base.value, false);
}

std::uint64_t AddressRange::in_use() const {
  const std::lock_guard lock(mutex_);
  return taken_;
}

std::uint64_t AddressRange::available() const {
  const std::lock_guard lock(mutex_);
  const std::uint32_t first = part_.base.value - subnet_.base.value;
  const std::uint32_t last = part_.last().value - subnet_.base.value;
  std::uint64_t used = 0;
  for (const auto& [index, bits] : words_) {
    for (std::uint64_t rest = bits; rest != 0; rest &= rest - 1) {
      const std::uint64_t offset =
          std::uint64_t{index} * 64 + static_cast<std::uint64_t>(std::countr_zero(rest));
      if (offset >= first && offset <= last) ++used;
    }
  }
  return std::uint64_t{last} - first + 1 - used;
}

AddressSpace::AddressSpace(std::vector<AddressPool> pools)
    : pools_(pools.empty() ? docker_pools() : std::move(pools)) {}

Subnet AddressSpace::take_any(const std::vector<Subnet>& avoid) {
  for (const AddressPool& pool : pools_) {
    const Subnet whole = Subnet::parse(pool.base).masked();
    const std::uint64_t step = std::uint64_t{1} << (32 - pool.size);
    for (std::uint64_t at = whole.base.value; at <= whole.last().value; at += step) {
      const Subnet candidate{Ipv4{static_cast<std::uint32_t>(at)}, pool.size};
      if (overlaps_any(candidate, taken_) || overlaps_any(candidate, avoid)) continue;
      taken_.push_back(candidate);
      return candidate;
    }
  }
  fail(Kind::Forbidden, "all predefined address pools have been fully subnetted");
}

void AddressSpace::take(const Subnet& subnet) {
  if (overlaps_any(subnet, taken_)) {
    fail(Kind::Forbidden,
         "invalid pool request: Pool overlaps with other one on this address space");
  }
  taken_.push_back(subnet);
}

void AddressSpace::give_back(const Subnet& subnet) {
  std::erase(taken_, subnet);
}

}  // namespace wharf::network
