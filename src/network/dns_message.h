// DNS messages (RFC 1035), as far as an embedded resolver needs them: one question in, an answer
// of addresses or names out.
//
// Pure functions on bounded input: names of at most 255 bytes and labels of 63; a compressed name
// in a question, more than one question or anything that is no plain query is no question.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "network/address.h"

namespace wharf::network {

enum class DnsType : std::uint16_t { A = 1, Ptr = 12, Mx = 15, Aaaa = 28 };
enum class DnsCode : std::uint8_t { Good = 0, Malformed = 1, Failed = 2, Refused = 5 };

/// Past this a UDP answer is cut and marked so, unless the client says that it takes more.
inline constexpr std::size_t kDnsUdpSize = 512;

struct DnsQuestion {
  std::string name;  ///< Lower case, without the last dot.
  DnsType type = DnsType::A;
  std::size_t udp_size = kDnsUdpSize;  ///< What the client takes in one datagram (RFC 6891).
  std::string asked;  ///< The bytes of header and question, to be sent back with the answer.
};

std::optional<DnsQuestion> parse_question(std::string_view message);

/// "4.3.2.1.in-addr.arpa" is 1.2.3.4.
std::optional<Ipv4> reverse_address(std::string_view name);

/// An answer without records.
std::string dns_answer(const DnsQuestion& question, DnsCode code);
std::string dns_answer(const DnsQuestion& question, const std::vector<Ipv4>& addresses);
/// PTR records; names that cannot be written as such are left out.
std::string dns_answer(const DnsQuestion& question, const std::vector<std::string>& names);

/// Keeps the question alone and marks the answer as cut, if it is larger than UDP allows.
std::string cut_for_udp(std::string answer, const DnsQuestion& question);

}  // namespace wharf::network
