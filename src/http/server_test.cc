#include "http/server.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <csignal>

#include "os/file.h"

namespace wharf::http {
namespace {

using namespace std::chrono_literals;

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  return address;
}

os::Fd stream_socket(int flags = 0) {
  return os::Fd(os::check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0), "socket"));
}

/// A server on a socket in a temporary directory, and a plain client.
class ServerTest : public testing::Test {
 protected:
  ServerTest() { ::signal(SIGPIPE, SIG_IGN); }

  void start(Server::Service service, std::size_t limit = 100) {
    server_ = std::make_unique<Server>(std::move(service), limit);
    os::Fd listening = stream_socket(SOCK_NONBLOCK);
    const sockaddr_un address = address_of(path());
    os::check(::bind(listening.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              "bind");
    os::check(::listen(listening.get(), 64), "listen");
    server_->listen({std::move(listening), Transport::Unix, nullptr, path()});
  }

  std::string path() const { return (directory_.path() / "s").string(); }

  os::Fd connect() const {
    os::Fd client = stream_socket();
    const sockaddr_un address = address_of(path());
    os::check(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              "connect");
    return client;
  }

  /// All until the server closes.
  std::string ask(const std::string& request) const {
    const os::Fd client = connect();
    os::write_all(client, request);
    return os::read_all(client, 64 << 20);
  }

  void wait_for_connections(std::size_t count) const {
    for (int i = 0; i < 500 && server_->connections() != count; ++i)
      std::this_thread::sleep_for(10ms);
    EXPECT_EQ(server_->connections(), count);
  }

  os::TempDirectory directory_;
  std::unique_ptr<Server> server_;
};

void echo(Connection& connection, const RequestHead& head) {
  const std::string body = connection.body().read_all(1 << 20);
  connection.respond(200, {}, head.method + " " + head.target + " " + body);
}

const std::string kClose = "Host: d\r\nConnection: close\r\n";

TEST_F(ServerTest, AnswersRequestsOfOneConnectionInTurn) {
  start(echo);
  const std::string answers = ask("GET /a HTTP/1.1\r\nHost: d\r\n\r\nPOST /b HTTP/1.1\r\n" +
                                  kClose + "Content-Length: 3\r\n\r\nxyz");
  EXPECT_NE(answers.find("GET /a "), std::string::npos);
  EXPECT_NE(answers.find("POST /b xyz"), std::string::npos);
  EXPECT_NE(answers.find("Connection: close"), std::string::npos);
}

TEST_F(ServerTest, ReadsChunkedBodies) {
  start(echo);
  EXPECT_NE(ask("POST /c HTTP/1.1\r\n" + kClose +
                "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
                .find("POST /c abc"),
            std::string::npos);
}

TEST_F(ServerTest, AnswersAnExpectationBeforeItReads) {
  start(echo);
  const os::Fd client = connect();
  os::write_all(client, "POST /e HTTP/1.1\r\n" + kClose +
                            "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  std::array<char, 64> piece;
  const std::size_t got = os::read_some(client, piece);
  EXPECT_EQ(std::string_view(piece.data(), got), "HTTP/1.1 100 Continue\r\n\r\n");
  os::write_all(client, "hi");
  EXPECT_NE(os::read_all(client, 1 << 16).find("POST /e hi"), std::string::npos);
}

TEST_F(ServerTest, StreamsInChunksAndSendsEachWriteAtOnce) {
  start([](Connection& connection, const RequestHead&) {
    ChunkedWriter& out = connection.stream(200, {});
    out.write("one");
    out.write("two2");
  });
  const std::string answer = ask("GET / HTTP/1.1\r\n" + kClose + "\r\n");
  EXPECT_NE(answer.find("Transfer-Encoding: chunked"), std::string::npos);
  EXPECT_NE(answer.find("\r\n\r\n3\r\none\r\n4\r\ntwo2\r\n0\r\n\r\n"), std::string::npos);
}

TEST_F(ServerTest, StreamsToOldClientsWithoutChunks) {
  start([](Connection& connection, const RequestHead&) {
    connection.stream(200, {}).write("bytes");
  });
  const std::string answer = ask("GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(answer.ends_with("\r\n\r\nbytes")) << answer;
}

TEST_F(ServerTest, CutsAStreamThatFailsHalfWay) {
  start([](Connection& connection, const RequestHead&) {
    connection.stream(200, {}).write("one");
    throw std::runtime_error("no more");
  });
  const std::string answer = ask("GET / HTTP/1.1\r\n" + kClose + "\r\n");
  EXPECT_TRUE(answer.ends_with("3\r\none\r\n")) << answer;
}

TEST_F(ServerTest, RefusesAHugeHeaderAndServesOn) {
  start(echo);
  const os::Fd client = connect();
  std::string head = "GET / HTTP/1.1\r\nHost: d\r\nX: ";
  head.append(4 << 20, 'x');
  std::thread writer([&] {
    try {
      os::write_all(client, head);
    } catch (const base::Error&) {
      // The server closed before it took all of it: that is the point.
    }
  });
  std::string answer;
  try {
    answer = os::read_all(client, 1 << 16);
  } catch (const base::Error&) {
  }
  ::shutdown(client.get(), SHUT_RDWR);
  writer.join();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 431 ")) << answer.substr(0, 200);
  EXPECT_NE(ask("GET /next HTTP/1.1\r\n" + kClose + "\r\n").find("GET /next"), std::string::npos);
}

TEST_F(ServerTest, AnswersWhatIsNoRequestWithItsStatus) {
  start(echo);
  EXPECT_TRUE(ask("nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(ask("GET / HTTP/2.0\r\nHost: d\r\n\r\n").starts_with("HTTP/1.1 505 "));
  EXPECT_TRUE(
      ask("POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")
          .starts_with("HTTP/1.1 400 "));
}

TEST_F(ServerTest, NoticesThatTheClientLeft) {
  std::atomic<bool> left = false;
  start([&](Connection& connection, const RequestHead&) {
    const std::stop_token gone = connection.gone();
    for (int i = 0; i < 500 && !gone.stop_requested(); ++i) std::this_thread::sleep_for(10ms);
    left = gone.stop_requested();
  });
  {
    const os::Fd client = connect();
    os::write_all(client, "GET / HTTP/1.1\r\nHost: d\r\n\r\n");
    std::this_thread::sleep_for(50ms);
  }
  wait_for_connections(0);
  EXPECT_TRUE(left);
}

TEST_F(ServerTest, GivesTheConnectionAwayWithWhatWasReadAlready) {
  start([](Connection& connection, const RequestHead&) {
    Hijacked hijacked = connection.take();
    os::write_all(hijacked.socket, "hello ");
    os::write_all(hijacked.socket, hijacked.already_read);
    std::array<char, 16> piece;
    while (const std::size_t got = os::read_some(hijacked.socket, piece)) {
      os::write_all(hijacked.socket, {piece.data(), got});
    }
    os::write_all(hijacked.socket, " end");
  });
  const os::Fd client = connect();
  os::write_all(client, "POST / HTTP/1.1\r\nHost: d\r\n\r\nearly");
  std::this_thread::sleep_for(50ms);
  os::write_all(client, " late");
  ::shutdown(client.get(), SHUT_WR);
  EXPECT_EQ(os::read_all(client, 1 << 16), "hello early late end");
}

TEST_F(ServerTest, TurnsAwayClientsBeyondTheLimit) {
  start(echo, 2);
  const os::Fd first = connect();
  const os::Fd second = connect();
  wait_for_connections(2);
  const os::Fd third = connect();
  const std::string answer = os::read_all(third, 1 << 16);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
  EXPECT_NE(answer.find("too many connections"), std::string::npos);
}

TEST_F(ServerTest, WaitsWithoutDescriptorsAndGoesOnAfterwards) {
  start(echo);
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  std::vector<os::Fd> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(connect());
  wait_for_connections(4);
  const os::Fd waiting = stream_socket();
  const int highest = ::dup(0);
  ::close(highest);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(highest);
  ::setrlimit(RLIMIT_NOFILE, &none);
  const sockaddr_un address = address_of(path());
  os::check(::connect(waiting.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
            "connect");
  os::write_all(waiting, "GET /later HTTP/1.1\r\n" + kClose + "\r\n");
  pollfd watched{waiting.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&watched, 1, 200), 0);
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_NE(os::read_all(waiting, 1 << 16).find("GET /later"), std::string::npos);
}

TEST_F(ServerTest, EndsWhileClientsAreIdleHalfWayAndStuck) {
  start([](Connection& connection, const RequestHead&) {
    ChunkedWriter& out = connection.stream(200, {});
    while (true) out.write(std::string(1 << 16, 'x'));
  });
  const os::Fd idle = connect();
  const os::Fd half = connect();
  os::write_all(half, "GET / HT");
  const os::Fd stuck = connect();
  os::write_all(stuck, "GET / HTTP/1.1\r\nHost: d\r\n\r\n");
  wait_for_connections(3);
  const auto begin = std::chrono::steady_clock::now();
  server_->stop(100);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(ServerTest, GivesBackItsThreadsAndDescriptors) {
  start(echo);
  ask("GET / HTTP/1.1\r\n" + kClose + "\r\n");
  const auto count = [](const char* directory) {
    return std::distance(std::filesystem::directory_iterator(directory),
                         std::filesystem::directory_iterator());
  };
  wait_for_connections(0);
  const auto descriptors = count("/proc/self/fd");
  for (int i = 0; i < 200; ++i) {
    const os::Fd client = connect();
    os::write_all(client, "GET / HT");
  }
  wait_for_connections(0);
  EXPECT_EQ(count("/proc/self/fd"), descriptors);
}

}  // namespace
}  // namespace wharf::http
