#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "http/client.h"
#include "http/identity_test.h"
#include "http/scripted_server_test.h"

namespace wharf::http {
namespace {

ScriptedServer::Play tls_echo(const Identity& identity, bool ask_certificate) {
  return [=](os::Fd& connection) {
    SSL_CTX* context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate_chain_file(context, identity.certificate.c_str());
    SSL_CTX_use_PrivateKey_file(context, identity.key.c_str(), SSL_FILETYPE_PEM);
    if (ask_certificate) {
      SSL_CTX_load_verify_file(context, identity.certificate.c_str());
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
    SSL* ssl = SSL_new(context);
    SSL_set_fd(ssl, connection.get());
    if (SSL_accept(ssl) == 1) {
      std::array<char, 4096> buffer;
      SSL_read(ssl, buffer.data(), static_cast<int>(buffer.size()));
      const std::string answer =
          "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + std::string(200'000, 's');
      SSL_write(ssl, answer.data(), static_cast<int>(answer.size()));
      SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
  };
}

std::string outcome(const ScriptedServer& server, const TlsOptions& options) {
  try {
    Endpoint endpoint = server.endpoint();
    endpoint.tls = std::make_shared<TlsContext>(options);
    Client client(endpoint, {});
    return std::to_string(client.send({}).read_all(1 << 20).size());
  } catch (const base::Error& error) {
    return error.what();
  }
}

class Tls : public ::testing::Test {
 protected:
  void SetUp() override { ::signal(SIGPIPE, SIG_IGN); }
  os::TempDirectory folder_;
  Identity identity_{folder_.path()};
};

TEST_F(Tls, ATrustedServerIsRead) {
  ScriptedServer server(ScriptedServer::Family::Tcp, {tls_echo(identity_, false)});
  EXPECT_EQ(outcome(server, {.ca_file = identity_.certificate}), "200000");
}

TEST_F(Tls, AnUnknownAuthorityIsRefusedInGosWords) {
  ScriptedServer server(ScriptedServer::Family::Tcp, {tls_echo(identity_, false)});
  EXPECT_EQ(outcome(server, {}),
            "tls: failed to verify certificate: x509: certificate signed by unknown authority");
}

TEST_F(Tls, AnotherNameThanTheCertificatesIsRefused) {
  ScriptedServer server(ScriptedServer::Family::Tcp, {tls_echo(identity_, false)});
  EXPECT_EQ(
      outcome(server, {.ca_file = identity_.certificate, .server_name = "registry.example"}),
      "tls: failed to verify certificate: x509: certificate is not valid for registry.example");
}

TEST_F(Tls, WithoutVerificationAnyCertificateDoes) {
  ScriptedServer server(ScriptedServer::Family::Tcp, {tls_echo(identity_, false)});
  EXPECT_EQ(outcome(server, {.verify = false}), "200000");
}

TEST_F(Tls, AClientCertificateIsPresented) {
  ScriptedServer server(ScriptedServer::Family::Tcp, {tls_echo(identity_, true)});
  EXPECT_EQ(outcome(server, {.ca_file = identity_.certificate,
                             .certificate_file = identity_.certificate,
                             .key_file = identity_.key}),
            "200000");
}

TEST_F(Tls, APlainServerIsRecognised) {
  ScriptedServer server(ScriptedServer::Family::Tcp, {[](os::Fd& connection) {
                          ScriptedServer::read_bytes(connection, 5);
                          os::write_all(connection, "HTTP/1.0 400 Bad Request\r\n\r\n");
                        }});
  EXPECT_EQ(outcome(server, {}), "http: server gave HTTP response to HTTPS client");
}

TEST_F(Tls, AnUnreadableCaFileIsNamed) {
  EXPECT_THROW(TlsContext({.ca_file = "/nowhere/ca.pem"}), base::Error);
}

}  // namespace
}  // namespace wharf::http
