// Which proxy a request goes through, by Go's rules for HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
//
// Plain values; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "http/url.h"

namespace wharf::http {

struct Proxy {
  std::string host;
  std::uint16_t port = 0;
  std::string authorization;  ///< Of Proxy-Authorization; empty where its URL names no user.
  bool operator==(const Proxy&) const = default;
};

/// URLs ("http://user:password@proxy:3128", or without the scheme) and the list of exceptions.
struct ProxyRules {
  std::string http;
  std::string https;
  /// Hosts with commas between: "example.com" (also what is below it), ".example.com" (only what
  /// is below it), addresses, networks, each with a port or without; "*" is everything.
  std::string none;

  /// What is empty here, from the environment: HTTP_PROXY or http_proxy, and so on.
  ProxyRules or_environment() const;
};

/// Nothing where `url` is asked directly: no proxy is set, it is an exception, or the host is this
/// machine. Throws InvalidArgument where the proxy's URL is none, or not of a kind that is known.
std::optional<Proxy> proxy_for(const ProxyRules& rules, const Url& url);

}  // namespace wharf::http
