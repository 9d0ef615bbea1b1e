#include "http/tls_server.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "http/client.h"
#include "http/identity_test.h"
#include "http/server.h"

namespace wharf::http {
namespace {

/// An HTTPS server on a free port of loopback.
class TlsServerTest : public testing::Test {
 protected:
  void start(bool verify_clients, Server::Service service) {
    const auto tls = std::make_shared<const TlsServer>(TlsServerOptions{
        identity_.certificate, identity_.key, identity_.certificate, verify_clients});
    os::Fd socket(
        os::check(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket"));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    os::check(::bind(socket.get(), generic, sizeof address), "bind");
    os::check(::listen(socket.get(), 8), "listen");
    socklen_t size = sizeof address;
    ::getsockname(socket.get(), generic, &size);
    port_ = ntohs(address.sin_port);
    server_ = std::make_unique<Server>(std::move(service));
    server_->listen({std::move(socket), Transport::Tls, tls, "test"});
  }

  client::Response get(bool with_certificate) {
    TlsOptions options;
    options.ca_file = identity_.certificate;
    if (with_certificate) options.certificate_file = identity_.certificate;
    if (with_certificate) options.key_file = identity_.key;
    Client client({"", "127.0.0.1", port_, std::make_shared<TlsContext>(options)}, {});
    return client.send({.method = "GET", .target = "/x"});
  }

  os::TempDirectory directory_;
  Identity identity_{directory_.path()};
  std::uint16_t port_ = 0;
  std::unique_ptr<Server> server_;
};

TEST_F(TlsServerTest, AnswersOverTls) {
  start(false, [](Connection& connection, const RequestHead& head) {
    EXPECT_EQ(connection.transport(), Transport::Tls);
    connection.respond(200, {}, head.target);
  });
  EXPECT_EQ(get(false).read_all(100), "/x");
}

TEST_F(TlsServerTest, WantsACertificateOfTheClientWhenToldTo) {
  start(true,
        [](Connection& connection, const RequestHead&) { connection.respond(200, {}, "in"); });
  EXPECT_THROW(get(false), base::Error);
  EXPECT_EQ(get(true).read_all(100), "in");
}

TEST_F(TlsServerTest, GivesTheConnectionAwayAsPlainBytes) {
  start(false, [](Connection& connection, const RequestHead&) {
    const Hijacked hijacked = connection.take();
    os::write_all(hijacked.socket,
                  "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
    std::array<char, 1000> piece;
    while (const std::size_t got = os::read_some(hijacked.socket, piece)) {
      os::write_all(hijacked.socket, {piece.data(), got});
    }
    os::write_all(hijacked.socket, "end");
  });
  TlsOptions options;
  options.ca_file = identity_.certificate;
  Client client({"", "127.0.0.1", port_, std::make_shared<TlsContext>(options)}, {});
  client::Request request{.method = "POST", .target = "/attach"};
  request.headers = {{"Connection", "Upgrade"}, {"Upgrade", "tcp"}};
  client::Hijacked hijacked = client.send(request).hijack();
  const std::string sent(100'000, 'y');
  std::thread writer([&] {
    hijacked.stream->write_all(sent);
    hijacked.stream->shutdown_write();
  });
  std::string received = hijacked.leftover;
  std::array<char, 4096> piece;
  while (const std::size_t got = hijacked.stream->read_some(piece))
    received.append(piece.data(), got);
  writer.join();
  EXPECT_EQ(received, sent + "end");
}

TEST_F(TlsServerTest, RefusesClientsThatDoNotSpeakTls) {
  start(false, [](Connection&, const RequestHead&) { ADD_FAILURE(); });
  Client client({"", "127.0.0.1", port_, nullptr}, {});
  EXPECT_THROW(client.send({.method = "GET", .target = "/"}), base::Error);
}

TEST(TlsServerOptions, ThatCannotBeReadNameTheFile) {
  try {
    TlsServer server({"/nonexistent/cert.pem", "/nonexistent/key.pem", "", false});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_NE(std::string(error.what()).find("/nonexistent/cert.pem"), std::string::npos);
  }
}

}  // namespace
}  // namespace wharf::http
