#include "http/tls_stream.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <new>

#include "base/error.h"
#include "base/time.h"

namespace wharf::http {
namespace {

using base::Kind;

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
  if (!bio) throw std::bad_alloc();
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
  BIO_set_init(bio, 1);
  return bio;
}

ssl_st* make_connection(ssl_ctx_st* context, int socket) {
  std::unique_ptr<SSL, decltype(&SSL_free)> made(SSL_new(context), SSL_free);
  if (!made) throw std::bad_alloc();
  BIO* bio = socket_bio(socket);
  SSL_set_bio(made.get(), bio, bio);
  return made.release();
}

os::Fd non_blocking(os::Fd socket) {
  const int flags = os::check(WHARF_CALL(fcntl, socket.get(), F_GETFL), "read socket flags");
  os::check(WHARF_CALL(fcntl, socket.get(), F_SETFL, flags | O_NONBLOCK), "set socket flags");
  return socket;
}

}  // namespace

std::string openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code ? ERR_reason_error_string(code) : nullptr;
  return reason ? reason : "unknown error";
}

ssl_ctx_st* make_tls_context(const ssl_method_st* method) {
  SSL_CTX* context = SSL_CTX_new(method);
  if (!context) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  return context;
}

const std::string* load_key_pair(ssl_ctx_st* context, const std::string& certificate_file,
                                 const std::string& key_file) {
  if (SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1) {
    return &certificate_file;
  }
  if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return &key_file;
  }
  return nullptr;
}

TlsStream::TlsStream(os::Fd socket, ssl_ctx_st* context)
    : Stream(non_blocking(std::move(socket))), ssl_(make_connection(context, fd().get())) {}

TlsStream::~TlsStream() {
  SSL_free(ssl_);
}

void TlsStream::handshake(std::int64_t deadline_ns, const std::stop_token& stop) {
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

Stream::Attempt TlsStream::try_read(std::span<char> into) {
  const std::lock_guard lock(mutex_);
  ERR_clear_error();
  errno = 0;
  std::size_t read = 0;
  const int result = SSL_read_ex(ssl_, into.data(), into.size(), &read);
  if (result == 1) return {read, 0};
  if (SSL_get_error(ssl_, result) == SSL_ERROR_ZERO_RETURN) return {0, 0};
  return {0, wanted_or_fail(result, "read")};
}

Stream::Attempt TlsStream::try_write(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  ERR_clear_error();
  errno = 0;
  std::size_t written = 0;
  const int result = SSL_write_ex(ssl_, bytes.data(), bytes.size(), &written);
  if (result == 1) return {written, 0};
  return {0, wanted_or_fail(result, "write")};
}

void TlsStream::shutdown_write() {
  const std::lock_guard lock(mutex_);
  ERR_clear_error();
  SSL_shutdown(ssl_);
}

bool TlsStream::buffered() const {
  const std::lock_guard lock(mutex_);
  return SSL_pending(ssl_) > 0;
}

short TlsStream::wanted(int result) const {
  const int error = SSL_get_error(ssl_, result);
  if (error == SSL_ERROR_WANT_READ) return POLLIN;
  if (error == SSL_ERROR_WANT_WRITE) return POLLOUT;
  return 0;
}

short TlsStream::wanted_or_fail(int result, const char* verb) const {
  const short events = wanted(result);
  if (events && !interrupted()) return events;
  if (SSL_get_error(ssl_, result) == SSL_ERROR_SSL && !interrupted()) {
    // An end without close_notify is a cut connection: never the end of a body.
    base::fail(Kind::Unavailable, "{}: {}", verb, openssl_reason());
  }
  if (errno == 0) errno = ECONNRESET;
  fail_now(verb);
}

}  // namespace wharf::http
