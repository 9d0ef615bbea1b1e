// The daemon as the commands see it: versioned API calls over one client.
//
// No round trip is spent on negotiation: the first request carries our newest version, and
// every answer carries the daemon's ("Api-Version"); only a daemon that finds us too new
// (400) makes that one request go out again. Thread-safe as http::Client is.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "cli/config.h"
#include "http/client.h"

namespace wharf::cli {

inline constexpr const char* kNewestApiVersion = "1.51";
inline constexpr std::size_t kAnswerLimit = 256 << 20;

/// The daemon refused: what() is "Error response from daemon: ...".
class DaemonError : public std::runtime_error {
 public:
  DaemonError(int status, const std::string& message)
      : std::runtime_error("Error response from daemon: " + message),
        status_(status),
        message_(message) {}
  int status() const { return status_; }
  /// Without the prefix.
  const std::string& message() const { return message_; }

 private:
  int status_;
  std::string message_;
};

/// No daemon answered: what() is "Cannot connect to the Docker daemon at ...".
class ConnectError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

using Query = std::vector<std::pair<std::string, std::string>>;

/// "1.41" < "1.51" by numbers.
bool version_less(std::string_view a, std::string_view b);

class Daemon {
 public:
  explicit Daemon(Target target);

  struct Call {
    std::string method = "GET";
    std::string path;  ///< Below the version: "/containers/json".
    Query query = {};
    std::optional<base::Json> body = {};
    http::client::Headers headers = {};
    http::client::BodySource source = {};
    std::optional<std::uint64_t> source_bytes = {};
    std::string content_type = {};
  };

  /// The answer with a status below 400. Throws DaemonError, ConnectError, base::Error.
  http::client::Response call(const Call& call);

  /// The whole answer as JSON text or value; the connection is free again.
  std::string text(const Call& call);
  base::Json json(const Call& call);

  /// Asks for an upgrade to a raw stream.
  http::client::Hijacked hijack(Call call);

  /// The version agreed on so far; asks the daemon (HEAD /_ping) when it has not answered yet.
  std::string api_version();
  /// True once DOCKER_API_VERSION or an answer has settled the version.
  bool settled() const { return settled_; }
  const Target& target() const { return target_; }
  static std::string client_version();

 private:
  http::client::Response send(const Call& call);
  http::client::Request request_for(const Call& call) const;
  void learn(const http::client::Response& response);
  [[noreturn]] void refuse(http::client::Response& response, const Call& call);

  Target target_;
  http::Client client_;
  std::string version_;
  bool pinned_ = false;
  bool settled_ = false;
};

}  // namespace wharf::cli
