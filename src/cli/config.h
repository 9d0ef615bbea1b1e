// Docker's client configuration: ~/.docker/config.json, contexts, and the environment.
//
// resolve_target() answers one question: which daemon, by which of --host, --context,
// DOCKER_HOST, DOCKER_CONTEXT, config.json's currentContext, in Docker's precedence.
// Read once per command; values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "http/dial.h"

namespace wharf::cli {

inline constexpr const char* kDefaultHost = "unix:///var/run/docker.sock";

struct GlobalOptions {
  std::string config_directory;
  std::string context;
  std::vector<std::string> hosts;
  std::string log_level;
  bool debug = false;
  bool tls = false;
  bool tls_verify = false;
  std::string tls_ca;
  std::string tls_certificate;
  std::string tls_key;
  bool version = false;
};

class Config {
 public:
  /// Reads DIRECTORY/config.json; absent is empty. Throws base::Error naming the file.
  static Config load(const std::string& directory);

  const std::string& directory() const { return directory_; }
  std::string text(std::string_view key) const;
  const base::JsonObject& values() const { return values_; }

 private:
  std::string directory_;
  base::JsonObject values_;
};

/// --config, $DOCKER_CONFIG or ~/.docker.
std::string config_directory(const GlobalOptions& options);

struct Target {
  http::Endpoint endpoint;
  std::string host;          ///< As given: "unix:///var/run/docker.sock".
  std::string base_path;     ///< Of "tcp://host:port/base".
  std::string context_name;  ///< "default" or a context's name.
};

/// Throws base::Error: "unable to resolve docker endpoint: ...".
Target resolve_target(const GlobalOptions& options, const Config& config);

/// "unix://...", "tcp://..." as an endpoint; `tls` null is plain.
Target parse_host(const std::string& host, const std::optional<http::TlsOptions>& tls);

std::string environment(const char* name);

}  // namespace wharf::cli
