#include "http/websocket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

#include "base/error.h"

namespace wharf::http {
namespace {

struct Pair {
  os::Fd client;
  std::unique_ptr<Stream> server;
};

Pair connected(std::string already_read = {}) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  Pair pair{os::Fd(ends[0]), websocket_stream(os::Fd(ends[1]), std::move(already_read))};
  pair.server->set_idle_timeout_ms(2000);
  return pair;
}

/// As a client sends it: masked.
std::string frame(int first, std::string_view payload) {
  const std::string mask = "\x11\x22\x33\x44";
  std::string bytes(1, static_cast<char>(first));
  if (payload.size() < 126) {
    bytes += static_cast<char>(0x80 | payload.size());
  } else {
    bytes += static_cast<char>(0xfe);
    bytes += static_cast<char>(payload.size() >> 8);
    bytes += static_cast<char>(payload.size());
  }
  bytes += mask;
  for (std::size_t i = 0; i < payload.size(); ++i)
    bytes += static_cast<char>(payload[i] ^ mask[i % 4]);
  return bytes;
}

std::string read_all_of(Stream& stream) {
  std::string all;
  std::array<char, 7> into;  // Small on purpose: frames do not fit.
  while (const std::size_t n = stream.read_some(into)) all.append(into.data(), n);
  return all;
}

std::string received(const os::Fd& client) {
  std::array<char, 4096> into;
  const ssize_t n = ::recv(client.get(), into.data(), into.size(), MSG_DONTWAIT);
  return n <= 0 ? std::string() : std::string(into.data(), static_cast<std::size_t>(n));
}

TEST(WebSocket, AnswersTheKeyOfTheStandardsExample) {
  EXPECT_NE(websocket_answer("dGhlIHNhbXBsZSBub25jZQ==").find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            std::string::npos);
}

TEST(WebSocket, ReadsFramesOfAllSizesAsOneStreamUntilTheCloseFrame) {
  const std::string large(70'00, 'x');
  const std::string sent = frame(0x81, "one ") + frame(0x01, "t") + frame(0x80, "wo ") +
                           frame(0x82, "") + frame(0x82, large) + frame(0x88, "\x03\xe8") +
                           frame(0x82, "after");
  const Pair pair = connected(sent.substr(0, 9));
  os::write_all(pair.client, sent.substr(9));
  EXPECT_EQ(read_all_of(*pair.server), "one two " + large);
}

TEST(WebSocket, WritesBinaryFramesAndCloses) {
  const Pair pair = connected();
  pair.server->write_all("abc");
  EXPECT_EQ(received(pair.client),
            "\x82\x03"
            "abc");
  const std::string large(300, 'y');
  pair.server->write_all(large);
  EXPECT_EQ(received(pair.client), std::string("\x82\x7e\x01\x2c") + large);
  pair.server->shutdown_write();
  EXPECT_EQ(received(pair.client), "\x88\x02\x03\xe8");
}

TEST(WebSocket, AnswersPings) {
  const Pair pair = connected();
  os::write_all(pair.client, frame(0x89, "there?") + frame(0x82, "x"));
  std::array<char, 8> into;
  EXPECT_EQ(pair.server->read_some(into), 1U);
  EXPECT_EQ(received(pair.client), "\x8a\x06there?");
}

TEST(WebSocket, RefusesWhatBreaksTheProtocol) {
  const std::string_view broken[] = {
      "\x82\x03"
      "abc",                                           // No mask.
      "\xc2\x80\x01\x02\x03\x04",                      // A reserved bit.
      "\x83\x80\x01\x02\x03\x04",                      // No such kind.
      "\x89\xfe\x01\x01\x01\x02\x03\x04",              // A ping of 257 bytes.
      "\x09\x80\x01\x02\x03\x04",                      // A ping in parts.
      "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff....",  // Longer than 2^63.
  };
  for (const std::string_view bytes : broken) {
    const Pair pair = connected();
    os::write_all(pair.client, bytes);
    std::array<char, 8> into;
    EXPECT_THROW(pair.server->read_some(into), base::Error) << bytes.size();
  }
}

}  // namespace
}  // namespace wharf::http
