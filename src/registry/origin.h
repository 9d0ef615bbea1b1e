// Where a registry may be reached, and whom it is safe to talk to.
//
// An Origin is scheme, host and port, with the trust that goes with it. Plain values, but for
// connect(), which loads certificates; thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/client.h"
#include "http/url.h"
#include "registry/registry.h"

namespace wharf::registry {

/// How a host proves itself to us, and we to it.
struct Trust {
  bool verify = true;                 ///< TLS certificates are checked.
  std::vector<std::string> ca_files;  ///< Besides the system's and those of certs.d.
  std::string certificate_file;
  std::string key_file;
  http::client::Headers headers;  ///< Sent with every request.
};

struct Origin {
  http::Url url;  ///< Scheme, host, port; a path for mirrors.
  Trust trust;
  bool canonical = true;  ///< False for a mirror: gets no credentials.
  bool resolve = true;    ///< May say what a tag is.
  bool pull = true;
  bool push = true;
  bool override_path = false;  ///< The URL's path stands for "/v2".
  std::string of_domain;       ///< Told to a mirror that serves several registries ("ns=").

  /// Where `path` ("/v2/...") is at this origin, with its query.
  http::Url at(const std::string& path) const;
};

/// In the order to try: the hosts of hosts.toml, mirrors of docker.io, then the registry itself;
/// for an insecure host unverified HTTPS, then HTTP. Throws InvalidArgument where hosts.toml is
/// wrong.
std::vector<Origin> origins(const Settings& settings, const std::string& domain);

/// Loopback, or listed by name, address or network.
bool is_insecure(const Settings& settings, const std::string& host_and_port);

enum class Place { Public, Loopback, LinkLocal };
/// Of an address as text; a name is Public, but "localhost" is Loopback.
Place place_of(std::string_view host);

/// The addresses of `host` as text (getaddrinfo). Throws Unavailable "lookup HOST: no such host".
std::vector<std::string> look_up(const std::string& host);

/// Whether requests for `url` go through a proxy, which then looks up the host.
bool is_proxied(const Settings& settings, const http::Url& url);

/// A client for the origin of `url`. `address` is where to connect instead of the URL's host.
std::shared_ptr<http::Client> connect(const Settings& settings, const http::Url& url,
                                      const Trust& trust, const std::string& address = {});

}  // namespace wharf::registry
