// IPv4 addresses, subnets, and link addresses: plain values.
//
// Texts are read and refused as Go's net/netip does, since clients see those words.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wharf::network {

struct Ipv4 {
  std::uint32_t value = 0;  ///< Host byte order.

  /// Throws InvalidArgument `ParseAddr("x"): unable to parse IP`.
  static Ipv4 parse(std::string_view text);
  static std::optional<Ipv4> try_parse(std::string_view text);
  std::string text() const;
  std::uint32_t network_order() const;
  bool is_loopback() const { return value >> 24 == 127; }
  auto operator<=>(const Ipv4&) const = default;
};

/// True for what inet_pton(3) takes as IPv6 (a zone is refused).
bool is_ipv6(std::string_view text);

struct Subnet {
  Ipv4 base;
  int bits = 32;

  /// "10.0.0.0/8". Host bits are kept. Throws InvalidArgument `netip.ParsePrefix("x"): no '/'`.
  static Subnet parse(std::string_view text);
  Subnet masked() const;
  std::uint32_t mask() const;
  Ipv4 last() const;
  bool contains(Ipv4 address) const;
  bool contains(const Subnet& other) const;
  bool overlaps(const Subnet& other) const;
  std::string text() const;
  auto operator<=>(const Subnet&) const = default;
};

struct MacAddress {
  std::array<std::uint8_t, 6> bytes{};

  /// 02:42 and the address: who takes an address over keeps its neighbours' ARP caches right.
  static MacAddress of(Ipv4 address);
  /// Random, unicast, locally administered.
  static MacAddress random();
  /// Throws InvalidArgument "address x: invalid MAC address".
  static MacAddress parse(const std::string& text);
  std::string text() const;
  auto operator<=>(const MacAddress&) const = default;
};

}  // namespace wharf::network
