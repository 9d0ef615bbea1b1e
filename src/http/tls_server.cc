#include "http/tls_server.h"

#include <openssl/ssl.h>

#include "base/strings.h"
#include "base/time.h"
#include "http/tls_stream.h"

namespace wharf::http {
namespace {

using base::Kind;

/// The server's end of a TLS connection.
class ServerStream final : public TlsStream {
 public:
  ServerStream(os::Fd socket, ssl_ctx_st* context) : TlsStream(std::move(socket), context) {
    SSL_set_accept_state(ssl());
  }

 private:
  [[noreturn]] void handshake_failed() override {
    base::fail(Kind::Cancelled, "TLS handshake: {}", openssl_reason());
  }
};

void use_certificate(SSL_CTX* context, const TlsServerOptions& options) {
  if (!load_key_pair(context, options.certificate_file, options.key_file)) return;
  // Docker: tlsconfig's words, which its users search for.
  base::fail(Kind::InvalidArgument, "could not load X509 key pair (cert: {}, key: {}): {}",
             base::quoted(options.certificate_file), base::quoted(options.key_file),
             openssl_reason());
}

void ask_for_certificates(SSL_CTX* context, const std::string& ca_file) {
  STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(ca_file.c_str());
  if (names) SSL_CTX_set_client_CA_list(context, names);  // The context owns them now.
  if (!names || SSL_CTX_load_verify_file(context, ca_file.c_str()) != 1) {
    base::fail(Kind::InvalidArgument, "could not read CA certificate {}: {}", base::quoted(ca_file),
               openssl_reason());
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
}

}  // namespace

TlsServer::TlsServer(const TlsServerOptions& options)
    : context_(make_tls_context(TLS_server_method())) {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> made(context_, SSL_CTX_free);
  use_certificate(context_, options);
  if (options.verify_clients) ask_for_certificates(context_, options.ca_file);
  made.release();
}

TlsServer::~TlsServer() {
  SSL_CTX_free(context_);
}

std::unique_ptr<Stream> TlsServer::accept(os::Fd socket, int timeout_ms) const {
  auto stream = std::make_unique<ServerStream>(std::move(socket), context_);
  stream->handshake(base::monotonic_ns() + timeout_ms * std::int64_t{1'000'000}, {});
  return stream;
}

}  // namespace wharf::http
