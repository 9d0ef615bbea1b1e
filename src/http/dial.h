// Opening connections: unix sockets, TCP by name or address, TLS over TCP.
//
// Blocking, from any thread. Failures are Unavailable with Go's words: "dial unix PATH:
// connect: no such file or directory", "dial tcp: lookup HOST: no such host", "tls: failed
// to verify certificate: x509: ...".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "http/proxy.h"
#include "http/stream.h"

struct ssl_ctx_st;

namespace wharf::http {

struct TlsOptions {
  std::string ca_file;       ///< PEM; added to nothing: with it only these are trusted.
  std::string ca_directory;  ///< All *.crt in it are trusted besides the system's.
  std::vector<std::string> more_ca_files;  ///< PEM, trusted besides the system's.
  std::string certificate_file;            ///< PEM of the client's certificate (mutual TLS).
  std::string key_file;
  std::string server_name;  ///< Expected name; empty is the host dialled.
  bool verify = true;
};

/// Loaded certificates and settings, made once and shared by connections. Immutable.
class TlsContext {
 public:
  /// Throws InvalidArgument, naming the file that cannot be used.
  explicit TlsContext(const TlsOptions& options);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;

  ssl_ctx_st* get() const { return context_; }
  const TlsOptions& options() const { return options_; }

 private:
  TlsOptions options_;
  ssl_ctx_st* context_;
};

/// Where to connect to. A path makes it a unix socket.
struct Endpoint {
  std::string path;
  std::string host;
  std::uint16_t port = 0;
  std::shared_ptr<const TlsContext> tls;  ///< Null: plain.
  /// Dialled instead: a tunnel through it for TLS, and else requests that name their whole URL.
  std::optional<Proxy> proxy;
};

inline constexpr int kConnectTimeoutMs = 30'000;
inline constexpr int kNextAddressMs = 250;  ///< RFC 8305: the delay before the next address.

struct DialOptions {
  int connect_timeout_ms = kConnectTimeoutMs;  ///< For all addresses and the TLS handshake.
  int idle_timeout_ms = -1;
  std::stop_token stop;  ///< Checked between waits of at most 100 ms.
};

/// A connected stream.
std::unique_ptr<Stream> dial(const Endpoint& endpoint, const DialOptions& options);

/// TLS as a client over a connected socket (also one that leads through a proxy).
std::unique_ptr<Stream> tls_stream(os::Fd socket, const TlsContext& context,
                                   const std::string& host, const DialOptions& options);

}  // namespace wharf::http
