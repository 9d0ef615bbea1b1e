#include "http/client.h"

#include <gtest/gtest.h>

#include "base/time.h"
#include "http/scripted_server_test.h"

namespace wharf::http::client {
namespace {

using Family = ScriptedServer::Family;

ScriptedServer::Play answers(std::vector<std::string> texts) {
  return [texts](os::Fd& connection) {
    for (const std::string& text : texts) {
      if (ScriptedServer::read_head(connection).empty()) return;
      os::write_all(connection, text);
    }
  };
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const base::Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(HttpClient, ReadsABodyOfKnownLengthAndReusesTheConnection) {
  ScriptedServer server(Family::Unix,
                        {answers({"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello",
                                  "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"})});
  Client client(server.endpoint(), {});
  {
    Response response = client.send({});
    EXPECT_EQ(response.status(), 200);
    EXPECT_EQ(response.header("x-a"), "b");
    EXPECT_EQ(response.read_all(100), "hello");
  }
  Response second = client.send({});
  EXPECT_EQ(second.status(), 404);
  EXPECT_EQ(second.reason(), "Not Found");
  EXPECT_EQ(server.accepted(), 1);
}

TEST(HttpClient, JoinsChunksThatArriveInPieces) {
  ScriptedServer server(
      Family::Tcp, {[](os::Fd& connection) {
        ScriptedServer::read_head(connection);
        for (const char* part : {"HTTP/1.1 200 OK\r\nTransfer-Enc", "oding: chunked\r\n\r\n4\r\nab",
                                 "cd\r\n", "3;x=y\r\nefg\r\n0\r\nTrailer: 1\r\n\r\n"}) {
          os::write_all(connection, part);
          std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
      }});
  Client client(server.endpoint(), {});
  EXPECT_EQ(client.send({}).read_all(100), "abcdefg");
}

TEST(HttpClient, ABodyWithoutLengthEndsWithTheConnection) {
  ScriptedServer server(Family::Unix, {answers({"HTTP/1.1 200 OK\r\n\r\nall of it"})});
  Client client(server.endpoint(), {});
  EXPECT_EQ(client.send({}).read_all(100), "all of it");
}

TEST(HttpClient, AConnectionCutWithinABodyIsAnError) {
  ScriptedServer server(Family::Unix,
                        {answers({"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"})});
  Client client(server.endpoint(), {});
  EXPECT_EQ(message_of([&] { client.send({}).read_all(100); }), "unexpected EOF");
}

TEST(HttpClient, ABodyPastTheLimitIsTooLarge) {
  ScriptedServer server(Family::Unix,
                        {answers({"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"})});
  Client client(server.endpoint(), {});
  EXPECT_EQ(message_of([&] { client.send({}).read_all(4); }), "response of more than 4 bytes");
}

TEST(HttpClient, AHeadWithoutEndIsRefused) {
  ScriptedServer server(Family::Unix, {[](os::Fd& connection) {
                          ScriptedServer::read_head(connection);
                          const std::string endless =
                              "HTTP/1.1 200 OK\r\nX: " + std::string(80'000, 'a');
                          ::send(connection.get(), endless.data(), endless.size(), MSG_NOSIGNAL);
                        }});
  Client client(server.endpoint(), {});
  EXPECT_NE(message_of([&] { client.send({}); }).find("malformed HTTP response"),
            std::string::npos);
}

TEST(HttpClient, GarbageIsAMalformedResponse) {
  ScriptedServer server(Family::Unix, {answers({"SSH-2.0-OpenSSH_9.2\r\n\r\n"})});
  Client client(server.endpoint(), {});
  EXPECT_NE(message_of([&] { client.send({}); }).find("malformed HTTP response"),
            std::string::npos);
}

TEST(HttpClient, HeadAnd204HaveNoBodyAndKeepTheConnection) {
  ScriptedServer server(Family::Unix, {answers({"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
                                                "HTTP/1.1 204 No Content\r\n\r\n",
                                                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"})});
  Client client(server.endpoint(), {});
  EXPECT_EQ(client.send({.method = "HEAD"}).read_all(10), "");
  EXPECT_EQ(client.send({.method = "POST"}).read_all(10), "");
  EXPECT_EQ(client.send({}).read_all(10), "x");
  EXPECT_EQ(server.accepted(), 1);
}

TEST(HttpClient, AnIdleConnectionClosedByThePeerIsReplaced) {
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
  ScriptedServer server(Family::Unix, {answers({ok}), answers({ok})});
  Client client(server.endpoint(), {});
  EXPECT_EQ(client.send({}).read_all(10), "x");
  EXPECT_EQ(client.send({}).read_all(10), "x");
  EXPECT_EQ(server.accepted(), 2);
}

TEST(HttpClient, AnUnfinishedResponseIsNotReused) {
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
  ScriptedServer server(Family::Unix, {answers({ok}), answers({ok})});
  Client client(server.endpoint(), {});
  client.send({});
  EXPECT_EQ(client.send({}).read_all(10), "x");
  EXPECT_EQ(server.accepted(), 2);
}

TEST(HttpClient, AnUpgradedConnectionGivesItsStreamAndTheBytesThatCameAlong) {
  for (const char* head :
       {"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"}) {
    ScriptedServer server(Family::Unix, {[head](os::Fd& connection) {
                            ScriptedServer::read_head(connection);
                            os::write_all(connection, std::string(head) + "early");
                            const std::string got = os::read_all(connection, 100);
                            os::write_all(connection, "got " + got);
                          }});
    Client client(server.endpoint(), {});
    Response response = client.send({.method = "POST", .headers = {{"Upgrade", "tcp"}}});
    Hijacked raw = std::move(response).hijack();
    raw.stream->write_all("stdin");
    raw.stream->shutdown_write();
    std::string all = raw.leftover;
    std::array<char, 64> buffer;
    while (const std::size_t n = raw.stream->read_some(buffer)) all.append(buffer.data(), n);
    EXPECT_EQ(all, "earlygot stdin");
  }
}

TEST(HttpClient, SendsABodyOfUnknownLengthInChunksWhileTheAnswerComes) {
  std::string received;
  ScriptedServer server(
      Family::Unix, {[&](os::Fd& connection) {
        ScriptedServer::read_head(connection);
        // More than the socket holds, before a byte of the body is read.
        os::write_all(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" +
                                      std::string(2'000'000, 'p'));
        received = ScriptedServer::read_bytes(connection, 3 * (5 + 0x10000 + 2 + 2) + 5);
      }});
  Client client(server.endpoint(), {});
  int pieces = 0;
  Request request{.method = "POST"};
  request.source = [&](std::span<char> into) -> std::size_t {
    if (++pieces > 3) return 0;
    std::fill(into.begin(), into.end(), 'b');
    return into.size();
  };
  Response response = client.send(request);
  EXPECT_EQ(response.read_all(3'000'000).size(), 2'000'000u);
}

TEST(HttpClient, SendsASourceOfKnownLengthWithThatLength) {
  std::string head;
  std::string body;
  ScriptedServer server(Family::Unix, {[&](os::Fd& connection) {
                          head = ScriptedServer::read_head(connection);
                          body = ScriptedServer::read_bytes(connection, 7);
                          os::write_all(connection,
                                        "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
                        }});
  Client client(server.endpoint(), {});
  Request request{.method = "PUT"};
  request.source = [](std::span<char> into) {
    return std::string("content").copy(into.data(), into.size());
  };
  request.source_bytes = 7;
  EXPECT_EQ(client.send(request).status(), 201);
  EXPECT_NE(head.find("Content-Length: 7\r\n"), std::string::npos);
  EXPECT_EQ(body, "content");
}

TEST(HttpClient, AnInformationalResponseIsSkipped) {
  ScriptedServer server(
      Family::Unix,
      {answers({"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"})});
  Client client(server.endpoint(), {});
  EXPECT_EQ(client.send({}).read_all(5), "x");
}

TEST(HttpClient, ALineFeedInAHeaderNeverLeaves) {
  Client client({.path = "/nowhere"}, {});
  EXPECT_EQ(message_of([&] { client.send({.headers = {{"A", "b\r\nC: d"}}}); }),
            "net/http: invalid header field value \"b\\r\\nC: d\"");
}

TEST(HttpClient, AMissingSocketSaysWhichAndWhy) {
  Client client({.path = "/nowhere/s"}, {});
  EXPECT_EQ(message_of([&] { client.send({}); }),
            "dial unix /nowhere/s: connect: no such file or directory");
}

TEST(HttpClient, ARefusedPortSaysWhichAddress) {
  Endpoint endpoint;
  {
    ScriptedServer gone(Family::Tcp, {});
    endpoint = gone.endpoint();
  }
  Client client(endpoint, {});
  EXPECT_EQ(message_of([&] { client.send({}); }),
            fmt::format("dial tcp 127.0.0.1:{}: connect: connection refused", endpoint.port));
}

TEST(HttpClient, AStopTokenEndsAWaitingRequest) {
  ScriptedServer server(Family::Unix,
                        {[](os::Fd& connection) { os::read_all(connection, 1 << 20); }});
  Client client(server.endpoint(), {});
  std::stop_source stop;
  std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    stop.request_stop();
  });
  Request request;
  request.stop = stop.get_token();
  EXPECT_EQ(message_of([&] { client.send(request); }), "context canceled");
}

TEST(HttpClient, ASilentPeerEndsWithTheIdleTimeout) {
  ScriptedServer server(Family::Unix,
                        {[](os::Fd& connection) { os::read_all(connection, 1 << 20); }});
  Options options;
  options.idle_timeout_ms = 30;
  Client client(server.endpoint(), options);
  const std::int64_t before = base::monotonic_ns();
  EXPECT_EQ(message_of([&] { client.send({}); }), "i/o timeout");
  EXPECT_LT(base::monotonic_ns() - before, 2'000'000'000);
}

}  // namespace
}  // namespace wharf::http::client
