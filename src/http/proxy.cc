#include "http/proxy.h"

#include <arpa/inet.h>

#include <cstdlib>

#include "base/error.h"
#include "base/strings.h"

namespace wharf::http {
namespace {

using base::Kind;

constexpr std::uint16_t kDefaultPort = 80;

std::string environment(const char* upper, const char* lower) {
  const char* found = std::getenv(upper);
  if (!found || !*found) found = std::getenv(lower);
  return found ? found : "";
}

/// 4 or 16 bytes; empty where the text is no address.
std::string address_bytes(const std::string& text) {
  std::string raw(16, '\0');
  if (::inet_pton(AF_INET, text.c_str(), raw.data()) == 1) return raw.substr(0, 4);
  return ::inet_pton(AF_INET6, text.c_str(), raw.data()) == 1 ? raw : std::string();
}

bool in_network(const std::string& address, const std::string& network) {
  const std::size_t slash = network.find('/');
  if (slash == std::string::npos || address.empty()) return false;
  const std::string start = address_bytes(network.substr(0, slash));
  const int bits = std::atoi(network.c_str() + slash + 1);
  if (start.size() != address.size() || bits < 0) return false;
  for (int bit = 0; bit < bits && bit < static_cast<int>(address.size()) * 8; ++bit) {
    const auto at = static_cast<std::size_t>(bit / 8);
    if (((address[at] ^ start[at]) & (0x80 >> (bit % 8))) != 0) return false;
  }
  return true;
}

bool is_this_machine(const std::string& host) {
  const std::string address = address_bytes(host);
  const bool loopback4 = address.size() == 4 && address[0] == 127;
  const bool loopback6 =
      address.size() == 16 && address.substr(0, 15) == std::string(15, '\0') && address[15] == 1;
  return host == "localhost" || loopback4 || loopback6;
}

bool matches(std::string entry, const std::string& host, std::uint16_t port) {
  if (entry.empty()) return false;
  if (entry == "*") return true;
  const std::string address = address_bytes(host);
  if (in_network(address, entry)) return true;
  const std::size_t colon = entry.rfind(':');
  if (colon != std::string::npos && address_bytes(entry).empty()) {
    if (entry.substr(colon + 1) != std::to_string(port)) return false;
    entry.resize(colon);
  }
  if (entry.starts_with('[') && entry.ends_with(']')) entry = entry.substr(1, entry.size() - 2);
  if (!address.empty()) return address_bytes(entry) == address;
  if (entry.starts_with("*.")) entry.erase(0, 1);
  if (entry.starts_with('.')) return host.ends_with(entry);
  return host == entry || host.ends_with("." + entry);
}

Proxy parse_proxy(const std::string& text) {
  const bool bare = text.find("://") == std::string::npos;
  const Url url = parse_url(bare ? "http://" + text : text);
  if (url.scheme != "http") {
    base::fail(Kind::InvalidArgument, "proxy {}: only proxies that speak http are supported",
               url.text());
  }
  Proxy proxy{url.host, url.port == 0 ? kDefaultPort : url.port, ""};
  if (!url.userinfo.empty()) {
    const bool has_password = url.userinfo.find(':') != std::string::npos;
    proxy.authorization =
        "Basic " + base::base64_encode(has_password ? url.userinfo : url.userinfo + ":");
  }
  return proxy;
}

}  // namespace

ProxyRules ProxyRules::or_environment() const {
  ProxyRules out = *this;
  if (out.http.empty()) out.http = environment("HTTP_PROXY", "http_proxy");
  if (out.https.empty()) out.https = environment("HTTPS_PROXY", "https_proxy");
  if (out.none.empty()) out.none = environment("NO_PROXY", "no_proxy");
  return out;
}

std::optional<Proxy> proxy_for(const ProxyRules& rules, const Url& url) {
  const std::string& through = url.scheme == "https" ? rules.https : rules.http;
  if (through.empty()) return std::nullopt;
  const std::string host = base::lower(url.host);
  if (is_this_machine(host)) return std::nullopt;
  for (const std::string& entry : base::split(rules.none, ',')) {
    if (matches(base::lower(base::trim(entry)), host, url.port_or_default())) return std::nullopt;
  }
  return parse_proxy(through);
}

}  // namespace wharf::http
