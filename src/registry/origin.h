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

struct Origin {
  http::Url url;          ///< Scheme, host, port; a path for mirrors.
  bool verify = true;     ///< TLS certificates are checked.
  bool canonical = true;  ///< False for a mirror: gets no credentials.
};

/// In the order to try: mirrors of docker.io, then the registry itself; for an insecure host
/// unverified HTTPS, then HTTP.
std::vector<Origin> origins(const Settings& settings, const std::string& domain);

/// Loopback, or listed by name, address or network.
bool is_insecure(const Settings& settings, const std::string& host_and_port);

enum class Place { Public, Loopback, LinkLocal };
/// Of an address as text; a name is Public, but "localhost" is Loopback.
Place place_of(std::string_view host);

/// The addresses of `host` as text (getaddrinfo). Throws Unavailable "lookup HOST: no such host".
std::vector<std::string> look_up(const std::string& host);

/// A client for the origin of `url`. `address` is where to connect instead of the URL's host.
std::shared_ptr<http::Client> connect(const Settings& settings, const http::Url& url, bool verify,
                                      const std::string& address = {});

}  // namespace wharf::registry
