// TLS as a client: the server's name and certificate verified.
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <filesystem>

#include "base/strings.h"
#include "base/time.h"
#include "http/dial.h"
#include "http/tls_stream.h"

namespace wharf::http {
namespace {

using base::Kind;

void trust_file(SSL_CTX* context, const std::string& file) {
  if (SSL_CTX_load_verify_file(context, file.c_str()) == 1) return;
  base::fail(Kind::InvalidArgument, "unable to load CA certificate {}: {}", file, openssl_reason());
}

void trust_directory(SSL_CTX* context, const std::string& directory) {
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(directory, failed)) {
    if (entry.path().extension() == ".crt") trust_file(context, entry.path().native());
  }
}

void use_certificate(SSL_CTX* context, const TlsOptions& options) {
  const std::string* unusable = load_key_pair(context, options.certificate_file, options.key_file);
  if (!unusable) return;
  base::fail(Kind::InvalidArgument, "could not load X509 key pair: {}: {}", *unusable,
             openssl_reason());
}

/// The client's end: it checks the server's name.
class ClientStream final : public TlsStream {
 public:
  ClientStream(os::Fd socket, const TlsContext& context, const std::string& host)
      : TlsStream(std::move(socket), context.get()),
        name_(context.options().server_name.empty() ? host : context.options().server_name) {
    SSL_set_connect_state(ssl());
    if (!context.options().verify) SSL_set_verify(ssl(), SSL_VERIFY_NONE, nullptr);
    std::array<unsigned char, 16> address{};
    if (::inet_pton(AF_INET, name_.c_str(), address.data()) == 1 ||
        ::inet_pton(AF_INET6, name_.c_str(), address.data()) == 1) {
      X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl()), name_.c_str());
    } else {
      SSL_set_tlsext_host_name(ssl(), name_.c_str());
      SSL_set1_host(ssl(), name_.c_str());
    }
  }

 private:
  [[noreturn]] void handshake_failed() override {
    const long verdict = SSL_get_verify_result(ssl());
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

  std::string name_;
};

}  // namespace

TlsContext::TlsContext(const TlsOptions& options)
    : options_(options), context_(make_tls_context(TLS_client_method())) {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> made(context_, SSL_CTX_free);
  SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
  if (options.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context_);
  } else if (SSL_CTX_load_verify_file(context_, options.ca_file.c_str()) != 1) {
    base::fail(Kind::InvalidArgument, "could not read CA certificate {}: {}",
               base::quoted(options.ca_file), openssl_reason());
  }
  if (!options.ca_directory.empty()) trust_directory(context_, options.ca_directory);
  for (const std::string& file : options.more_ca_files) trust_file(context_, file);
  if (!options.certificate_file.empty()) use_certificate(context_, options);
  made.release();
}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

std::unique_ptr<Stream> tls_stream(os::Fd socket, const TlsContext& context,
                                   const std::string& host, const DialOptions& options) {
  auto stream = std::make_unique<ClientStream>(std::move(socket), context, host);
  stream->handshake(base::monotonic_ns() + options.connect_timeout_ms * std::int64_t{1'000'000},
                    options.stop);
  stream->set_idle_timeout_ms(options.idle_timeout_ms);
  return stream;
}

}  // namespace wharf::http
