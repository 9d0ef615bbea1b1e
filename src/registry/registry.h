// Talking to image registries: the Docker Registry HTTP API v2 (OCI distribution-spec).
//
// Registry holds what all sessions share: settings and TLS contexts. Repository is one session
// with one repository: it finds the scheme, answers the authentication challenge, retries and
// resumes. Every byte from a registry is bounded and checked before anyone sees it as
// valid: documents by digest, blobs by size and digest at the end of the stream.
//
// Trust: HTTPS with verification, unless the host is loopback or listed as insecure (then
// unverified HTTPS, then HTTP). Credentials never go out in clear to any other host. Redirects:
// at most 10, http(s) only, never from https to http, not to link-local or loopback addresses
// unless the registry is there itself; without Authorization on another host.
//
// Registry is thread-safe; a Repository may be used by several threads at once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "http/proxy.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "registry/search.h"

namespace wharf::content {
class Partial;
}

namespace wharf::registry {

inline constexpr int kRedirectLimit = 10;
inline constexpr int kIdleTimeoutMs = 30'000;
inline constexpr int kRetryAfterCapMs = 60'000;
inline constexpr std::size_t kTokenLimit = 1 << 20;
inline constexpr std::size_t kErrorBodyLimit = 64 << 10;
inline constexpr std::size_t kTagPageLimit = 4 << 20;
inline constexpr std::size_t kTagLimit = 100'000;

/// X-Registry-Auth, decoded (api.md, section 2).
struct Credentials {
  std::string username;
  std::string password;
  std::string server_address;
  std::string identity_token;
  std::string registry_token;

  bool empty() const {
    return username.empty() && identity_token.empty() && registry_token.empty();
  }

  /// Docker: what cannot be decoded counts as absent.
  static Credentials from_header(std::string_view base64url);
};

/// dockerd's flags (daemon.md, 1.3).
struct Settings {
  std::vector<std::string> insecure_registries;  ///< "host[:port]" or CIDR; loopback always is.
  std::vector<std::string> mirrors;              ///< Of docker.io, tried in order.
  int max_concurrent_downloads = 3;
  int max_download_attempts = 5;
  int idle_timeout_ms = kIdleTimeoutMs;
  int retry_delay_ms = 500;    ///< Doubled after each attempt, with jitter.
  int ranges_at_once = 4;      ///< Connections for one blob, once the network is what is slow.
  int ranges_after_ms = 1000;  ///< So long its first connection has been waited for.
  std::int64_t fast_bytes_per_second = 64 << 20;  ///< What comes faster is not kept (keeping.h).
  std::int64_t range_bytes = 8 << 20;             ///< What a further connection asks for at a time.
  http::ProxyRules proxies;
  std::string certs_directory = "/etc/docker/certs.d";
  std::string user_agent = "wharf";
};

/// A manifest or index as it came.
struct FetchedDocument {
  std::string bytes;
  std::string content_type;
  base::Digest digest;
};

class Session;

/// Fills the buffer with the next bytes of a blob; 0 at the end.
using BodyBytes = std::function<std::size_t(std::span<char>)>;

class Repository {
 public:
  explicit Repository(std::shared_ptr<Session> session) : session_(std::move(session)) {}

  /// `tag` or "sha256:...": with a digest the answer has that digest or is an error. Throws
  /// NotFound `failed to resolve reference "x": x: not found`, Unauthorized, Unavailable.
  FetchedDocument document(std::string_view tag_or_digest) const;

  /// HEAD of a manifest: what a tag points to now. Nothing where the registry does not say.
  std::optional<oci::Descriptor> head(std::string_view tag_or_digest) const;

  std::vector<std::string> tags() const;

  /// A small blob, whole: an image config.
  std::string small_blob(const oci::Descriptor& descriptor, std::size_t limit) const;

  /// Streams a blob into `sink`, each byte once and in order, over as many connections as it
  /// takes. `sink` may throw. Size and digest are checked at the end: InvalidArgument.
  void blob(const oci::Descriptor& descriptor,
            const std::function<void(std::string_view)>& sink) const;

  /// As above, and goes on from what `kept` has; of a large blob that comes slowly several ranges
  /// are fetched at once. The digest is the caller's to check, which hashes what it is given.
  void blob(const oci::Descriptor& descriptor, content::Partial& kept,
            const std::function<void(std::string_view)>& sink) const;

  // Pushing.

  bool has_blob(const base::Digest& digest) const;

  /// Lets the registry take a blob over from another of its repositories; false where it will not.
  bool mount_blob(const base::Digest& digest, const std::string& from_path) const;

  /// Sends a blob; `open` gives its bytes from the start, anew for each attempt.
  void upload(const oci::Descriptor& descriptor, const std::function<BodyBytes()>& open) const;

  /// Sends a manifest or index under a tag. Throws where the registry keeps another digest.
  void put_document(std::string_view tag, const std::string& bytes,
                    const std::string& media_type) const;

 private:
  std::shared_ptr<Session> session_;
};

struct Shared;

class Registry {
 public:
  explicit Registry(Settings settings);
  ~Registry();

  const Settings& settings() const;

  /// Opens nothing yet. `stop` ends every request of this session with Cancelled.
  Repository repository(const oci::Reference& name, Credentials credentials, std::stop_token stop);

  /// `docker login`: proves the credentials at their server. Returns an identity token or "".
  /// Throws Unauthorized.
  std::string login(const Credentials& credentials, std::stop_token stop);

  /// `docker search`. A limit of 0 is the usual one. Throws InvalidArgument, and Internal where
  /// the server cannot be reached.
  std::vector<Found> search(const std::string& term, int limit, const Credentials& credentials,
                            std::stop_token stop) const;

 private:
  std::unique_ptr<Shared> shared_;
};

}  // namespace wharf::registry
