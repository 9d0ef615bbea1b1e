// TLS for clients of the daemon: the server's certificate, and the clients' where asked.
//
// Immutable after it is made; any thread may accept.
#pragma once

#include <memory>
#include <string>

#include "http/stream.h"

struct ssl_ctx_st;

namespace wharf::http {

struct TlsServerOptions {
  std::string certificate_file;
  std::string key_file;
  std::string ca_file;          ///< Who signs clients' certificates.
  bool verify_clients = false;  ///< Without a certificate signed by `ca_file`: no connection.
};

class TlsServer {
 public:
  /// Throws InvalidArgument with Docker's words, naming the file that cannot be used.
  explicit TlsServer(const TlsServerOptions& options);
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;

  /// The handshake, at most `timeout_ms`. Throws.
  std::unique_ptr<Stream> accept(os::Fd socket, int timeout_ms) const;

 private:
  ssl_ctx_st* context_;
};

}  // namespace wharf::http
