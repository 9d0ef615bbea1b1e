// TLS over a connected socket by OpenSSL: TLS 1.2 and later, the peer's name verified.
#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include <filesystem>
#include <mutex>

#include "base/strings.h"
#include "base/time.h"
#include "http/dial.h"

namespace wharf::http {
namespace {

using base::Kind;

std::string openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code ? ERR_reason_error_string(code) : nullptr;
  return reason ? reason : "unknown error";
}

void trust_directory(SSL_CTX* context, const std::string& directory) {
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(directory, failed)) {
    if (entry.path().extension() != ".crt") continue;
    if (SSL_CTX_load_verify_file(context, entry.path().c_str()) != 1) {
      base::fail(Kind::InvalidArgument, "unable to load CA certificate {}: {}",
                 entry.path().string(), openssl_reason());
    }
  }
}

void use_certificate(SSL_CTX* context, const TlsOptions& options) {
  if (SSL_CTX_use_certificate_chain_file(context, options.certificate_file.c_str()) != 1) {
    base::fail(Kind::InvalidArgument, "could not load X509 key pair: {}: {}",
               options.certificate_file, openssl_reason());
  }
  if (SSL_CTX_use_PrivateKey_file(context, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    base::fail(Kind::InvalidArgument, "could not load X509 key pair: {}: {}", options.key_file,
               openssl_reason());
  }
}

// OpenSSL's own socket BIO writes with write(2), which raises SIGPIPE; this one never does.
int socket_of(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

int bio_write(BIO* bio, const char* bytes, int count) {
  BIO_clear_retry_flags(bio);
  const ssize_t n =
      WHARF_CALL(send, socket_of(bio), bytes, static_cast<std::size_t>(count), MSG_NOSIGNAL);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(n);
}

int bio_read(BIO* bio, char* into, int count) {
  BIO_clear_retry_flags(bio);
  const ssize_t n = WHARF_CALL(recv, socket_of(bio), into, static_cast<std::size_t>(count), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  return static_cast<int>(n);
}

long bio_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO* socket_bio(int socket) {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  BIO* bio = BIO_new(method);
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
  BIO_set_init(bio, 1);
  return bio;
}

class TlsStream final : public Stream {
 public:
  TlsStream(os::Fd socket, const TlsContext& context, const std::string& host)
      : Stream(std::move(socket)), ssl_(SSL_new(context.get())) {
    BIO* bio = socket_bio(fd().get());
    SSL_set_bio(ssl_, bio, bio);
    SSL_set_connect_state(ssl_);
    if (!context.options().verify) SSL_set_verify(ssl_, SSL_VERIFY_NONE, nullptr);
    const std::string& name =
        context.options().server_name.empty() ? host : context.options().server_name;
    std::array<unsigned char, 16> address{};
    if (::inet_pton(AF_INET, name.c_str(), address.data()) == 1 ||
        ::inet_pton(AF_INET6, name.c_str(), address.data()) == 1) {
      X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), name.c_str());
    } else {
      SSL_set_tlsext_host_name(ssl_, name.c_str());
      SSL_set1_host(ssl_, name.c_str());
    }
    name_ = name;
  }
  ~TlsStream() override { SSL_free(ssl_); }

  void handshake(std::int64_t deadline_ns, const std::stop_token& stop) {
    while (true) {
      ERR_clear_error();
      const int result = SSL_do_handshake(ssl_);
      if (result == 1) return;
      if (stop.stop_requested()) base::fail(Kind::Cancelled, "context canceled");
      const short events = wanted(result);
      if (!events) handshake_failed();
      if (base::monotonic_ns() > deadline_ns) {
        base::fail(Kind::Unavailable, "net/http: TLS handshake timeout");
      }
      pollfd watched{fd().get(), events, 0};
      WHARF_CALL(poll, &watched, 1, 100);
    }
  }

  Attempt try_read(std::span<char> into) override {
    const std::lock_guard lock(mutex_);
    ERR_clear_error();
    errno = 0;
    std::size_t read = 0;
    const int result = SSL_read_ex(ssl_, into.data(), into.size(), &read);
    if (result == 1) return {read, 0};
    if (SSL_get_error(ssl_, result) == SSL_ERROR_ZERO_RETURN) return {0, 0};
    return {0, wanted_or_fail(result, "read")};
  }

  Attempt try_write(std::string_view bytes) override {
    const std::lock_guard lock(mutex_);
    ERR_clear_error();
    errno = 0;
    std::size_t written = 0;
    const int result = SSL_write_ex(ssl_, bytes.data(), bytes.size(), &written);
    if (result == 1) return {written, 0};
    return {0, wanted_or_fail(result, "write")};
  }

  void shutdown_write() override {
    const std::lock_guard lock(mutex_);
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
    if (SSL_get_error(ssl_, result) == SSL_ERROR_SSL && !interrupted()) {
      // An end without close_notify is a cut connection: never the end of a body.
      base::fail(Kind::Unavailable, "{}: {}", verb, openssl_reason());
    }
    if (errno == 0) errno = ECONNRESET;
    fail_now(verb);
  }

  [[noreturn]] void handshake_failed() {
    const long verdict = SSL_get_verify_result(ssl_);
    if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH) {
      base::fail(Kind::Unavailable,
                 "tls: failed to verify certificate: x509: certificate is not valid for {}", name_);
    }
    if (verdict == X509_V_ERR_CERT_HAS_EXPIRED) {
      base::fail(
          Kind::Unavailable,
          "tls: failed to verify certificate: x509: certificate has expired or is not yet valid");
    }
    if (verdict != X509_V_OK) {
      base::fail(Kind::Unavailable, "tls: failed to verify certificate: x509: {}",
                 unknown_authority(verdict) ? "certificate signed by unknown authority"
                                            : X509_verify_cert_error_string(verdict));
    }
    const unsigned long code = ERR_peek_last_error();
    if (ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER ||
        ERR_GET_REASON(code) == SSL_R_HTTP_REQUEST) {
      // Docker: registries that speak plain HTTP are recognised by these words.
      base::fail(Kind::Unavailable, "http: server gave HTTP response to HTTPS client");
    }
    if (!code) base::fail(Kind::Unavailable, "tls handshake: EOF");
    base::fail(Kind::Unavailable, "remote error: tls: {}", openssl_reason());
  }

  static bool unknown_authority(long verdict) {
    return verdict == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
           verdict == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
           verdict == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
           verdict == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
           verdict == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
  }

  SSL* ssl_;
  std::string name_;
  mutable std::mutex mutex_;  ///< An SSL object allows one call at a time; waits are outside.
};

}  // namespace

TlsContext::TlsContext(const TlsOptions& options)
    : options_(options), context_(SSL_CTX_new(TLS_client_method())) {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> made(context_, SSL_CTX_free);
  SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION);
  SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                 SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
  if (options.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context_);
  } else if (SSL_CTX_load_verify_file(context_, options.ca_file.c_str()) != 1) {
    base::fail(Kind::InvalidArgument, "could not read CA certificate {}: {}",
               base::quoted(options.ca_file), openssl_reason());
  }
  if (!options.ca_directory.empty()) trust_directory(context_, options.ca_directory);
  if (!options.certificate_file.empty()) use_certificate(context_, options);
  made.release();
}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

std::unique_ptr<Stream> tls_stream(os::Fd socket, const TlsContext& context,
                                   const std::string& host, const DialOptions& options) {
  const int flags = os::check(WHARF_CALL(fcntl, socket.get(), F_GETFL), "read socket flags");
  os::check(WHARF_CALL(fcntl, socket.get(), F_SETFL, flags | O_NONBLOCK), "set socket flags");
  auto stream = std::make_unique<TlsStream>(std::move(socket), context, host);
  stream->handshake(base::monotonic_ns() + options.connect_timeout_ms * std::int64_t{1'000'000},
                    options.stop);
  stream->set_idle_timeout_ms(options.idle_timeout_ms);
  return stream;
}

}  // namespace wharf::http
