#include "shipping/aws_signature.h"

#include <time.h>

#include <array>

#include "base/digest.h"

namespace wharf::shipping {

namespace {

constexpr std::size_t kBlockBytes = 64;

std::string bytes_of(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(digit(hex[i]) << 4 | digit(hex[i + 1]));
  return bytes;
}

std::string hash(std::string_view bytes) {
  return std::string(base::Sha256::of(bytes).hex());
}

/// RFC 2104 with SHA-256, as bytes. No key here is longer than a block.
std::string authenticate(std::string_view key, std::string_view message) {
  std::string inner(kBlockBytes, '\x36');
  std::string outer(kBlockBytes, '\x5c');
  const std::string short_key = key.size() > kBlockBytes ? bytes_of(hash(key)) : std::string(key);
  for (std::size_t i = 0; i < short_key.size(); ++i) {
    inner[i] = static_cast<char>(inner[i] ^ short_key[i]);
    outer[i] = static_cast<char>(outer[i] ^ short_key[i]);
  }
  inner += message;
  return bytes_of(hash(outer + bytes_of(hash(inner))));
}

std::string hex_of(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

}  // namespace

std::string aws_time(base::Time time) {
  const time_t seconds = time.unix_ns / 1'000'000'000;
  tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 32> text{};
  return {text.data(), ::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &utc)};
}

std::string aws_authorization(const AwsRequest& request, const AwsIdentity& identity) {
  const std::string when = aws_time(request.time);
  const std::string day = when.substr(0, 8);
  std::string canonical = request.method + "\n/\n\n";
  std::string names;
  for (const auto& [name, value] : request.headers) {
    canonical += name + ":" + value + "\n";
    names += (names.empty() ? "" : ";") + name;
  }
  canonical += "\n" + names + "\n" + hash(request.body);
  const std::string scope = day + "/" + request.region + "/" + request.service + "/aws4_request";
  std::string key = authenticate("AWS4" + identity.secret, day);
  for (const std::string_view part :
       {std::string_view(request.region), std::string_view(request.service),
        std::string_view("aws4_request")}) {
    key = authenticate(key, part);
  }
  const std::string to_sign = "AWS4-HMAC-SHA256\n" + when + "\n" + scope + "\n" + hash(canonical);
  return "AWS4-HMAC-SHA256 Credential=" + identity.key_id + "/" + scope +
         ", SignedHeaders=" + names + ", Signature=" + hex_of(authenticate(key, to_sign));
}

}  // namespace wharf::shipping
