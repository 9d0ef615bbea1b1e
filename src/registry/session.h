// One session with one repository: requests with authentication, redirects and retries.
//
//   get() ─► origin (mirror, https, http) ─► 401? ─► token or password ─► redirects ─► answer
//     └───── 429, 5xx, broken connection: again, after a wait that grows ──────────┘
//
// Thread-safe: the mutex guards what was learnt (scheme, tokens), never a request.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "http/client.h"
#include "registry/challenge.h"
#include "registry/origin.h"
#include "registry/registry.h"

namespace wharf::registry {

/// What a request is for: not every mirror may serve everything.
enum class Need { Resolve, Pull, Push, Login };

inline constexpr std::size_t kNoOrigin = SIZE_MAX;

struct Call {
  std::string method = "GET";
  std::string path;  ///< Below the origin: "/v2/library/x/manifests/latest".
  Need need = Need::Pull;
  http::client::Headers headers;
  std::string body;
  http::client::BodySource source;  ///< Instead of `body`; sent once, so never with send().
  std::uint64_t source_bytes = 0;
  std::stop_token stop = {};               ///< Instead of the session's.
  mutable std::size_t origin = kNoOrigin;  ///< Set when it is sent: the origin it went to.
};

/// An answer and where it came from: the registry, or whom it redirected to.
struct Answer {
  http::client::Response response;
  bool redirected = false;
  std::size_t origin = kNoOrigin;
};

class Session {
 public:
  Session(const Settings& settings, oci::Reference name, Credentials credentials,
          std::stop_token stop);

  /// The answer, whatever its status but 401 and what is worth a retry; the head is read. A mirror
  /// that fails or refuses is left for the next. Throws Unauthorized, NotFound never.
  Answer send(const Call& call);

  /// As send(), once: no retries. For callers with their own (blobs).
  Answer send_once(const Call& call);

  /// As send_once(), to where the registry said an upload goes; `call.path` is not looked at.
  Answer send_to(const http::Url& url, const Call& call);

  /// A Location header in the context of this registry.
  http::Url location(const Answer& answer);

  /// Waits before attempt `failures` + 1. Throws Cancelled.
  void wait_before_retry(int failures, std::chrono::milliseconds at_least);

  /// An error that names request, status and an excerpt of the body.
  [[noreturn]] void fail_status(const Call& call, Answer& answer);

  const Settings& settings() const { return settings_; }
  const oci::Reference& name() const { return name_; }
  const std::stop_token& stop() const { return stop_; }

  /// "/v2/library/busybox" + rest.
  std::string path(std::string_view rest) const;

  /// Leaves the mirror that `call` went to, which failed; false where it was the registry itself.
  bool leave_mirror(const Call& call);

  /// Proves the credentials: `docker login`. An identity token, or "".
  std::string login();

 private:
  struct Target {
    Origin origin;
    std::size_t index;
    std::shared_ptr<http::Client> client;
  };

  std::shared_ptr<const Target> target(Need need);
  std::shared_ptr<const Target> target_at(std::size_t index);
  std::size_t next_origin(Need need, std::size_t from) const;
  std::string authorization_at(std::size_t index);
  void authorize(std::size_t index, std::string authorization);
  void probe(const Target& target);
  Answer send_patiently(const Call& call);
  std::stop_token stop_of(const Call& call) const;
  Answer exchange(const Target& target, const Call& call);
  Answer exchange_at(const Target& target, const http::Url& url, const Call& call);
  Answer follow(const Target& target, const Call& call, Answer answer);
  std::shared_ptr<http::Client> client_for(const Target& target, const http::Url& url);
  std::string safe_address(const Target& target, const std::string& host) const;
  std::string authorization(const Target& target, const std::vector<Challenge>& challenges);
  std::string fetch_token(const Target& target, const Challenge& challenge);
  std::string read_token(http::client::Response& response);
  bool may_send_password(const Target& target) const;

  Settings settings_;
  oci::Reference name_;
  Credentials credentials_;
  std::stop_token stop_;

  std::vector<Origin> origins_;

  mutable std::mutex mutex_;
  std::vector<bool> left_;                              ///< By origin: it failed.
  std::vector<std::shared_ptr<const Target>> targets_;  ///< By origin: those that answered.
  std::vector<std::string> authorizations_;             ///< By origin.
  std::string identity_token_;
  std::map<std::string, std::shared_ptr<http::Client>> clients_;
};

}  // namespace wharf::registry
