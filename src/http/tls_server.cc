#include "http/tls_server.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>

#include <csignal>
#include <mutex>

#include "base/strings.h"
#include "base/time.h"

namespace wharf::http {
namespace {

using base::Kind;

std::string openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code ? ERR_reason_error_string(code) : nullptr;
  return reason ? reason : "unknown error";
}

/// The server's end of a TLS connection. SSL allows one call at a time; waits are outside.
class ServerStream final : public Stream {
 public:
  ServerStream(os::Fd socket, ssl_ctx_st* context)
      : Stream(std::move(socket)), ssl_(SSL_new(context)) {
    SSL_set_fd(ssl_, fd().get());
    SSL_set_accept_state(ssl_);
  }
  ~ServerStream() override { SSL_free(ssl_); }

  void handshake(std::int64_t deadline_ns) {
    while (true) {
      ERR_clear_error();
      const int result = SSL_do_handshake(ssl_);
      if (result == 1) return;
      const short events = wanted(result);
      if (!events) base::fail(Kind::Cancelled, "TLS handshake: {}", openssl_reason());
      if (base::monotonic_ns() > deadline_ns) base::fail(Kind::Cancelled, "TLS handshake timeout");
      pollfd watched{fd().get(), events, 0};
      WHARF_CALL(poll, &watched, 1, 100);
    }
  }

  Attempt try_read(std::span<char> into) override {
    const std::lock_guard lock(mutex_);
    ERR_clear_error();
    std::size_t read = 0;
    const int result = SSL_read_ex(ssl_, into.data(), into.size(), &read);
    if (result == 1) return {read, 0};
    if (SSL_get_error(ssl_, result) == SSL_ERROR_ZERO_RETURN) return {0, 0};
    return {0, wanted_or_fail(result, "read")};
  }

  Attempt try_write(std::string_view bytes) override {
    const std::lock_guard lock(mutex_);
    ERR_clear_error();
    std::size_t written = 0;
    const int result = SSL_write_ex(ssl_, bytes.data(), bytes.size(), &written);
    if (result == 1) return {written, 0};
    return {0, wanted_or_fail(result, "write")};
  }

  void shutdown_write() override {
    const std::lock_guard lock(mutex_);
    ERR_clear_error();
    SSL_shutdown(ssl_);
  }

  bool buffered() const override {
    const std::lock_guard lock(mutex_);
    return SSL_pending(ssl_) > 0;
  }

 private:
  short wanted(int result) const {
    const int error = SSL_get_error(ssl_, result);
    if (error == SSL_ERROR_WANT_READ) return POLLIN;
    if (error == SSL_ERROR_WANT_WRITE) return POLLOUT;
    return 0;
  }

  short wanted_or_fail(int result, const char* verb) const {
    const short events = wanted(result);
    if (events && !interrupted()) return events;
    base::fail(Kind::Cancelled, "{}: {}", verb, openssl_reason());
  }

  SSL* ssl_;
  mutable std::mutex mutex_;
};

void use_certificate(SSL_CTX* context, const TlsServerOptions& options) {
  // Docker: tlsconfig's words, which its users search for.
  if (SSL_CTX_use_certificate_chain_file(context, options.certificate_file.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    const std::string reason = openssl_reason();
    base::fail(Kind::InvalidArgument, "could not load X509 key pair (cert: {}, key: {}): {}",
               base::quoted(options.certificate_file), base::quoted(options.key_file), reason);
  }
}

void ask_for_certificates(SSL_CTX* context, const std::string& ca_file) {
  STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(ca_file.c_str());
  if (!names || SSL_CTX_load_verify_file(context, ca_file.c_str()) != 1) {
    const std::string reason = openssl_reason();
    base::fail(Kind::InvalidArgument, "could not read CA certificate {}: {}", base::quoted(ca_file),
               reason);
  }
  SSL_CTX_set_client_CA_list(context, names);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
}

}  // namespace

TlsServer::TlsServer(const TlsServerOptions& options) : context_(SSL_CTX_new(TLS_server_method())) {
  // OpenSSL writes with write(2): a client that left must be an error, not a signal.
  ::signal(SIGPIPE, SIG_IGN);
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> made(context_, SSL_CTX_free);
  SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION);
  SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                 SSL_MODE_RELEASE_BUFFERS);
  use_certificate(context_, options);
  if (options.verify_clients) ask_for_certificates(context_, options.ca_file);
  made.release();
}

TlsServer::~TlsServer() {
  SSL_CTX_free(context_);
}

std::unique_ptr<Stream> TlsServer::accept(os::Fd socket, int timeout_ms) const {
  const int flags = os::check(WHARF_CALL(fcntl, socket.get(), F_GETFL), "read socket flags");
  os::check(WHARF_CALL(fcntl, socket.get(), F_SETFL, flags | O_NONBLOCK), "set socket flags");
  auto stream = std::make_unique<ServerStream>(std::move(socket), context_);
  stream->handshake(base::monotonic_ns() + timeout_ms * std::int64_t{1'000'000});
  return stream;
}

}  // namespace wharf::http
