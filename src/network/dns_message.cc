#include "network/dns_message.h"

#include <algorithm>

#include "base/strings.h"

namespace wharf::network {
namespace {

constexpr std::size_t kHeader = 12;
constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxLabel = 63;
constexpr std::uint16_t kInternet = 1;
constexpr std::uint16_t kOptions = 41;
constexpr std::size_t kMaxUdpSize = 4096;
/// Docker's own.
constexpr std::uint32_t kTtlSeconds = 600;

constexpr std::uint8_t kResponse = 0x80;
constexpr std::uint8_t kOperation = 0x78;
constexpr std::uint8_t kCut = 0x02;
constexpr std::uint8_t kRecursionAvailable = 0x80;

std::uint8_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

std::uint16_t number_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

void put(std::string& bytes, std::uint32_t number, int size) {
  for (int i = size - 1; i >= 0; --i) bytes += static_cast<char>(number >> (8 * i));
}

/// The name at `at`, which is moved behind it.
std::optional<std::string> read_name(std::string_view bytes, std::size_t& at) {
  std::string name;
  while (at < bytes.size()) {
    const std::size_t length = byte_at(bytes, at++);
    if (length == 0) return base::lower(name);
    if (length > kMaxLabel || at + length > bytes.size()) return std::nullopt;
    if (!name.empty()) name += '.';
    name += bytes.substr(at, length);
    if (name.size() > kMaxName) return std::nullopt;
    at += length;
  }
  return std::nullopt;
}

/// Empty for what is no name.
std::string written_name(std::string_view name) {
  std::string bytes;
  for (const std::string& label : base::split(name, '.')) {
    if (label.empty() || label.size() > kMaxLabel) return {};
    bytes += static_cast<char>(label.size());
    bytes += label;
  }
  bytes += '\0';
  return bytes.size() > kMaxName ? std::string() : bytes;
}

std::string answer_of(const DnsQuestion& question, DnsCode code,
                      const std::vector<std::string>& records) {
  std::string answer = question.asked;
  answer[2] = static_cast<char>((byte_at(answer, 2) & ~kCut) | kResponse);
  answer[3] = static_cast<char>(kRecursionAvailable | static_cast<std::uint8_t>(code));
  answer[6] = static_cast<char>(records.size() >> 8);
  answer[7] = static_cast<char>(records.size());
  for (std::size_t i = 8; i < kHeader; ++i) answer[i] = 0;  // Neither authority nor additions.
  for (const std::string& record : records) {
    put(answer, 0xc000 | kHeader, 2);  // The name of the question.
    put(answer, static_cast<std::uint16_t>(question.type), 2);
    put(answer, kInternet, 2);
    put(answer, kTtlSeconds, 4);
    put(answer, static_cast<std::uint32_t>(record.size()), 2);
    answer += record;
  }
  return answer;
}

}  // namespace

std::optional<DnsQuestion> parse_question(std::string_view message) {
  if (message.size() < kHeader) return std::nullopt;
  if ((byte_at(message, 2) & (kResponse | kOperation)) != 0) return std::nullopt;
  if (number_at(message, 4) != 1) return std::nullopt;
  std::size_t at = kHeader;
  auto name = read_name(message, at);
  if (!name || at + 4 > message.size()) return std::nullopt;
  if (number_at(message, at + 2) != kInternet) return std::nullopt;
  const auto type = static_cast<DnsType>(number_at(message, at));
  DnsQuestion question{std::move(*name), type, kDnsUdpSize, std::string(message.substr(0, at + 4))};
  // The root's OPT record is the only addition that clients send.
  at += 4;
  const bool more = number_at(message, 10) == 1 && at + 5 <= message.size();
  if (more && message[at] == 0 && number_at(message, at + 1) == kOptions) {
    const std::size_t takes = number_at(message, at + 3);
    question.udp_size = std::clamp(takes, kDnsUdpSize, kMaxUdpSize);
  }
  return question;
}

std::optional<Ipv4> reverse_address(std::string_view name) {
  constexpr std::string_view kSuffix = ".in-addr.arpa";
  if (!name.ends_with(kSuffix)) return std::nullopt;
  name.remove_suffix(kSuffix.size());
  const auto address = Ipv4::try_parse(name);
  if (!address) return std::nullopt;
  return Ipv4{__builtin_bswap32(address->value)};
}

std::string dns_answer(const DnsQuestion& question, DnsCode code) {
  return answer_of(question, code, {});
}

std::string dns_answer(const DnsQuestion& question, const std::vector<Ipv4>& addresses) {
  std::vector<std::string> records;
  for (const Ipv4 address : addresses) put(records.emplace_back(), address.value, 4);
  return answer_of(question, DnsCode::Good, records);
}

std::string dns_answer(const DnsQuestion& question, const std::vector<std::string>& names) {
  std::vector<std::string> records;
  for (const std::string& name : names) {
    std::string written = written_name(name);
    if (!written.empty()) records.push_back(std::move(written));
  }
  return answer_of(question, DnsCode::Good, records);
}

std::string cut_for_udp(std::string answer, const DnsQuestion& question) {
  if (answer.size() <= question.udp_size) return answer;
  std::string cut = dns_answer(question, DnsCode::Good);
  cut[2] = static_cast<char>(byte_at(cut, 2) | kCut);
  return cut;
}

}  // namespace wharf::network
