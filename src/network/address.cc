#include "network/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>

#include "base/error.h"
#include "base/ids.h"
#include "base/strings.h"

namespace wharf::network {

using base::fail;
using base::Kind;

std::optional<Ipv4> Ipv4::try_parse(std::string_view text) {
  in_addr address{};
  // inet_pton(3) takes dotted quads alone, and no octal-looking "010" as Go takes none either.
  if (::inet_pton(AF_INET, std::string(text).c_str(), &address) != 1) return std::nullopt;
  return Ipv4{ntohl(address.s_addr)};
}

Ipv4 Ipv4::parse(std::string_view text) {
  if (const auto address = try_parse(text)) return *address;
  fail(Kind::InvalidArgument, "ParseAddr({}): unable to parse IP", base::quoted(text));
}

std::string Ipv4::text() const {
  return fmt::format("{}.{}.{}.{}", value >> 24, value >> 16 & 255, value >> 8 & 255, value & 255);
}

std::uint32_t Ipv4::network_order() const {
  return htonl(value);
}

bool is_ipv6(std::string_view text) {
  in6_addr address{};
  return ::inet_pton(AF_INET6, std::string(text).c_str(), &address) == 1;
}

Subnet Subnet::parse(std::string_view text) {
  const auto refuse = [&](const char* why) {
    fail(Kind::InvalidArgument, "netip.ParsePrefix({}): {}", base::quoted(text), why);
  };
  const std::size_t slash = text.rfind('/');
  if (slash == std::string_view::npos) refuse("no '/'");
  const auto address = Ipv4::try_parse(text.substr(0, slash));
  if (!address) {
    fail(Kind::InvalidArgument, "netip.ParsePrefix({}): ParseAddr({}): unable to parse IP",
         base::quoted(text), base::quoted(text.substr(0, slash)));
  }
  const std::string_view digits = text.substr(slash + 1);
  int bits = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  const bool padded = digits.size() > 1 && digits[0] == '0';
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size() || padded) {
    fail(Kind::InvalidArgument, "netip.ParsePrefix({}): bad bits after slash: {}",
         base::quoted(text), base::quoted(digits));
  }
  if (bits < 0 || bits > 32) refuse("prefix length out of range");
  return {*address, bits};
}

std::uint32_t Subnet::mask() const {
  return bits == 0 ? 0 : ~std::uint32_t{0} << (32 - bits);
}

Subnet Subnet::masked() const {
  return {Ipv4{base.value & mask()}, bits};
}

Ipv4 Subnet::last() const {
  return Ipv4{base.value | ~mask()};
}

bool Subnet::contains(Ipv4 address) const {
  return (address.value & mask()) == (base.value & mask());
}

bool Subnet::contains(const Subnet& other) const {
  return other.bits >= bits && contains(other.base);
}

bool Subnet::overlaps(const Subnet& other) const {
  return contains(other.base) || other.contains(base);
}

std::string Subnet::text() const {
  return fmt::format("{}/{}", base.text(), bits);
}

MacAddress MacAddress::of(Ipv4 address) {
  MacAddress mac{{0x02, 0x42}};
  for (std::size_t i = 0; i < 4; ++i) {
    mac.bytes[2 + i] = static_cast<std::uint8_t>(address.value >> (24 - 8 * i));
  }
  return mac;
}

MacAddress MacAddress::random() {
  const std::string bytes = base::random_bytes(6);
  MacAddress address;
  std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
  address.bytes[0] = static_cast<std::uint8_t>((address.bytes[0] & 0xfe) | 0x02);
  return address;
}

MacAddress MacAddress::parse(const std::string& text) {
  MacAddress address;
  const char separator = text.find('-') != std::string::npos ? '-' : ':';
  const auto parts = base::split(text, separator);
  bool good = parts.size() == address.bytes.size();
  for (std::size_t i = 0; good && i < parts.size(); ++i) {
    const char* end = parts[i].data() + parts[i].size();
    const auto read = std::from_chars(parts[i].data(), end, address.bytes[i], 16);
    good = parts[i].size() == 2 && read.ec == std::errc{} && read.ptr == end;
  }
  if (!good) fail(Kind::InvalidArgument, "address {}: invalid MAC address", text);
  return address;
}

std::string MacAddress::text() const {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", bytes[0], bytes[1], bytes[2],
                     bytes[3], bytes[4], bytes[5]);
}

}  // namespace wharf::network
