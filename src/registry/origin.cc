#include "registry/origin.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <filesystem>

#include "base/error.h"
#include "base/strings.h"
#include "os/file.h"
#include "registry/hosts.h"

namespace wharf::registry {
namespace {

using base::fail;
using base::Kind;

constexpr std::string_view kHubDomain = "docker.io";
constexpr std::string_view kHubHost = "registry-1.docker.io";
constexpr int kConnectTimeoutMs = 15'000;

/// 4 or 16 bytes; empty where the text is no address. An IPv4-mapped address is IPv4.
std::string address_bytes(std::string_view text) {
  const std::string host(text);
  std::array<char, 16> raw{};
  if (::inet_pton(AF_INET, host.c_str(), raw.data()) == 1) return {raw.data(), 4};
  if (::inet_pton(AF_INET6, host.c_str(), raw.data()) != 1) return {};
  constexpr std::string_view kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  const std::string all(raw.data(), 16);
  return all.starts_with(kMapped) ? all.substr(12) : all;
}

bool within(const std::string& address, std::string_view network) {
  const std::size_t slash = network.find('/');
  if (slash == std::string_view::npos) return false;
  const std::string base_bytes = address_bytes(network.substr(0, slash));
  if (base_bytes.empty() || base_bytes.size() != address.size()) return false;
  const int bits = std::atoi(std::string(network.substr(slash + 1)).c_str());
  for (int bit = 0; bit < bits && bit < static_cast<int>(address.size() * 8); ++bit) {
    const std::size_t at = static_cast<std::size_t>(bit / 8);
    const int mask = 0x80 >> (bit % 8);
    if ((address[at] & mask) != (base_bytes[at] & mask)) return false;
  }
  return true;
}

http::Url url_of(std::string_view scheme, const std::string& domain) {
  const http::HostPort parts = http::parse_host_port(domain);
  http::Url url;
  url.scheme = scheme;
  url.host = parts.host;
  url.port = parts.port;
  return url;
}

/// Docker: certs.d/<host[:port]>/ has *.crt (whom to trust), *.cert with its *.key (who we are).
http::TlsOptions tls_options(const Settings& settings, const http::Url& url, const Trust& trust) {
  http::TlsOptions options;
  options.verify = trust.verify;
  options.server_name = url.host;
  options.more_ca_files = trust.ca_files;
  options.certificate_file = trust.certificate_file;
  options.key_file = trust.key_file;
  const os::Path directory = os::Path(settings.certs_directory) / url.authority();
  std::error_code absent;
  for (const auto& file : std::filesystem::directory_iterator(directory, absent)) {
    if (file.path().extension() == ".crt") options.ca_directory = directory;
    if (file.path().extension() != ".cert") continue;
    os::Path key = file.path();
    key.replace_extension(".key");
    if (!std::filesystem::exists(key, absent)) {
      fail(Kind::InvalidArgument, "missing key {} for client certificate {}", key.string(),
           file.path().string());
    }
    options.certificate_file = file.path();
    options.key_file = key;
  }
  return options;
}

Origin origin_of(const Settings& settings, const HostEntry& entry, const std::string& domain) {
  Origin origin{.url = entry.url,
                .trust = {.verify = !entry.skip_verify,
                          .ca_files = entry.ca_files,
                          .certificate_file = entry.certificate_file,
                          .key_file = entry.key_file,
                          .headers = entry.headers},
                .canonical = false,
                .resolve = entry.resolve,
                .pull = entry.pull,
                .push = entry.push,
                .override_path = entry.override_path,
                .of_domain = domain};
  if (is_insecure(settings, origin.url.authority())) origin.trust.verify = false;
  return origin;
}

void add_mirrors(std::vector<Origin>& out, const Settings& settings) {
  for (const std::string& mirror : settings.mirrors) {
    Origin origin{.url = http::parse_url(mirror), .canonical = false, .push = false};
    while (origin.url.path.ends_with('/')) origin.url.path.pop_back();
    if (is_insecure(settings, origin.url.authority())) origin.trust.verify = false;
    out.push_back(std::move(origin));
  }
}

/// The registry itself. `given` is what hosts.toml says of it.
void add_canonical(std::vector<Origin>& out, const Settings& settings, const std::string& domain,
                   const std::optional<HostEntry>& given) {
  Origin own{.url = url_of("https", domain == kHubDomain ? std::string(kHubHost) : domain)};
  if (given) {
    const http::Url usual = own.url;
    own = origin_of(settings, *given, "");
    own.canonical = true;
    if (!own.url.host.empty()) return out.push_back(std::move(own));
    own.url = usual;
  }
  const bool insecure = is_insecure(settings, domain);
  if (insecure) own.trust.verify = false;
  out.push_back(own);
  if (!insecure) return;
  own.url.scheme = "http";
  out.push_back(std::move(own));
}

}  // namespace

Place place_of(std::string_view host) {
  if (host == "localhost" || host.ends_with(".localhost")) return Place::Loopback;
  const std::string address = address_bytes(host);
  if (address.empty()) return Place::Public;
  constexpr std::string_view kAny6("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
  constexpr std::string_view kLoopback6("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
  if (within(address, "127.0.0.0/8") || within(address, "0.0.0.0/8") || address == kLoopback6 ||
      address == kAny6) {
    return Place::Loopback;
  }
  if (within(address, "169.254.0.0/16") || within(address, "fe80::/10")) return Place::LinkLocal;
  return Place::Public;
}

std::vector<std::string> look_up(const std::string& host) {
  if (!address_bytes(host).empty()) return {host};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) {
    fail(Kind::Unavailable, "dial tcp: lookup {}: no such host", host);
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  std::vector<std::string> addresses;
  for (const addrinfo* one = found; one; one = one->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0,
                      NI_NUMERICHOST) == 0) {
      addresses.emplace_back(text.data());
    }
  }
  return addresses;
}

bool is_insecure(const Settings& settings, const std::string& host_and_port) {
  const std::string host = http::parse_host_port(host_and_port).host;
  if (place_of(host) == Place::Loopback) return true;
  const std::string address = address_bytes(host);
  for (const std::string& listed : settings.insecure_registries) {
    if (base::equal_fold(listed, host_and_port) || base::equal_fold(listed, host)) return true;
    if (!address.empty() && within(address, listed)) return true;
  }
  return false;
}

http::Url Origin::at(const std::string& path) const {
  const std::string below = override_path ? path.substr(std::string_view("/v2").size()) : path;
  http::Url out = http::resolve_url(url, url.path + below);
  if (!of_domain.empty()) {
    out.query += (out.query.empty() ? "ns=" : "&ns=") + http::percent_encode(of_domain);
  }
  return out;
}

std::vector<Origin> origins(const Settings& settings, const std::string& domain) {
  std::vector<Origin> out;
  const bool has_place = !settings.certs_directory.empty() && !domain.starts_with('.');
  const std::optional<HostsFile> file =
      has_place ? hosts_of(settings.certs_directory, domain) : std::nullopt;
  if (file) {
    for (const HostEntry& entry : file->hosts) out.push_back(origin_of(settings, entry, domain));
  }
  if (domain == kHubDomain) add_mirrors(out, settings);
  add_canonical(out, settings, domain, file ? file->server : std::nullopt);
  return out;
}

bool is_proxied(const Settings& settings, const http::Url& url) {
  return http::proxy_for(settings.proxies, url).has_value();
}

std::shared_ptr<http::Client> connect(const Settings& settings, const http::Url& url,
                                      const Trust& trust, const std::string& address) {
  http::Endpoint endpoint;
  endpoint.host = address.empty() ? url.host : address;
  endpoint.port = url.port_or_default();
  endpoint.proxy = http::proxy_for(settings.proxies, url);
  if (url.scheme == "https") {
    endpoint.tls = std::make_shared<const http::TlsContext>(tls_options(settings, url, trust));
  }
  http::client::Options options;
  options.host_header = url.authority();
  options.connect_timeout_ms = kConnectTimeoutMs;
  options.idle_timeout_ms = settings.idle_timeout_ms;
  options.headers = {{"User-Agent", settings.user_agent}};
  options.headers.insert(options.headers.end(), trust.headers.begin(), trust.headers.end());
  return std::make_shared<http::Client>(std::move(endpoint), std::move(options));
}

}  // namespace wharf::registry
