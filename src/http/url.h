// URLs as Docker's clients and registries write them. Values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wharf::http {

/// "https://user@host:5000/v2/?n=1": path and query stay percent-encoded.
struct Url {
  std::string scheme;      ///< Lower case.
  std::string userinfo;    ///< Decoded; "user" or "user:password".
  std::string host;        ///< Without brackets.
  std::uint16_t port = 0;  ///< 0 where the text names none.
  std::string path;
  std::string query;  ///< Without '?'.

  /// The port, or that of http and https.
  std::uint16_t port_or_default() const;

  /// What a request line carries: path ("/" when empty) and query.
  std::string target() const;

  /// "host:port" as the Host header has it (brackets around IPv6, no default port).
  std::string authority() const;

  /// For people and logs: a password is "***", as Go writes it.
  std::string text() const;
  bool operator==(const Url&) const = default;
};

/// An absolute URL. Throws InvalidArgument: `parse "x": ...`.
Url parse_url(std::string_view text);

/// A Location header or link read in the context of `base` (RFC 3986, section 5).
Url resolve_url(const Url& base, std::string_view reference);

/// Encodes all but unreserved characters; `keep` stay too ("/" in a path).
std::string percent_encode(std::string_view text, std::string_view keep = {});

/// Throws InvalidArgument on a broken escape.
std::string percent_decode(std::string_view text);

/// "a=1&b=2", both sides encoded as Go's url.Values does (a space is '+').
std::string encode_query(const std::vector<std::pair<std::string, std::string>>& parameters);

struct HostPort {
  std::string host;
  std::uint16_t port = 0;
  bool operator==(const HostPort&) const = default;
};

/// "host", "host:80", "[::1]:80", "::1". Throws InvalidArgument.
HostPort parse_host_port(std::string_view text);

}  // namespace wharf::http
