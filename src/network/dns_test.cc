#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <thread>

#include "network/dns_message.h"
#include "network/dns_server.h"
#include "network/dns_upstream.h"
#include "os/namespace.h"

namespace wharf::network {
namespace {

std::string question(std::string_view name, DnsType type, std::string_view tail = {}) {
  std::string bytes("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
  if (!tail.empty()) bytes[11] = 1;
  std::size_t begin = 0;
  while (begin < name.size()) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    bytes += static_cast<char>(end - begin);
    bytes += name.substr(begin, end - begin);
    begin = end + 1;
  }
  bytes += std::string("\0\0", 2);
  bytes += static_cast<char>(type);
  bytes += std::string("\0\1", 2);
  return bytes + std::string(tail);
}

TEST(DnsMessage, ReadsAPlainQuestionInAnyCase) {
  const auto read = parse_question(question("Web.Example", DnsType::Aaaa));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->name, "web.example");
  EXPECT_EQ(read->type, DnsType::Aaaa);
  EXPECT_EQ(read->udp_size, kDnsUdpSize);
  const std::string options("\0\0\x29\x04\xd0\0\0\0\0\0\0", 11);
  EXPECT_EQ(parse_question(question("a", DnsType::A, options))->udp_size, 1232U);
}

TEST(DnsMessage, TakesNothingElseForAQuestion) {
  const std::string good = question("web", DnsType::A);
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(parse_question(std::string_view(good).substr(0, size))) << size;
  std::string changed = good;
  changed[2] = static_cast<char>(0x81);  // A response.
  EXPECT_FALSE(parse_question(changed));
  changed = good;
  changed[5] = 2;  // Two questions.
  EXPECT_FALSE(parse_question(changed));
  changed = good;
  changed[12] = static_cast<char>(0xc0);  // A pointer, to itself.
  changed[13] = 12;
  EXPECT_FALSE(parse_question(changed));
  const std::string label(63, 'x');
  EXPECT_TRUE(parse_question(question(label, DnsType::A)));
  EXPECT_FALSE(parse_question(
      question(label + "." + label + "." + label + "." + label + "." + label, DnsType::A)));
}

TEST(DnsMessage, AnswersWithAddressesOrNamesUnderTheSameId) {
  const auto asked = parse_question(question("web", DnsType::A));
  const std::string answer = dns_answer(*asked, {Ipv4::parse("1.2.3.4"), Ipv4::parse("5.6.7.8")});
  EXPECT_EQ(answer.substr(0, 2), "\x12\x34");
  EXPECT_EQ(answer[7], 2);
  EXPECT_NE(answer.find(std::string("\xc0\x0c\0\1\0\1\0\0\2\x58\0\4\1\2\3\4", 16)),
            std::string::npos);
  const auto reverse = parse_question(question("4.3.2.1.in-addr.arpa", DnsType::Ptr));
  EXPECT_EQ(reverse_address(reverse->name), Ipv4::parse("1.2.3.4"));
  const std::string named = dns_answer(*reverse, {std::string("web.net"), std::string("..")});
  EXPECT_EQ(named[7], 1);
  EXPECT_TRUE(named.ends_with(std::string("\3web\3net\0", 9)));
}

TEST(DnsMessage, CutsWhatUdpCannotCarry) {
  const auto asked = parse_question(question("web", DnsType::A));
  const std::string large = dns_answer(*asked, std::vector<Ipv4>(100));
  const std::string cut = cut_for_udp(large, *asked);
  EXPECT_LT(cut.size(), 100U);
  EXPECT_EQ(cut[2] & 2, 2);
  EXPECT_EQ(cut_for_udp(cut, *asked), cut);
}

os::Fd udp_socket(const char* address, bool connect) {
  os::Fd made(os::check(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(53);
  ::inet_pton(AF_INET, address, &to.sin_addr);
  const auto* where = reinterpret_cast<const sockaddr*>(&to);
  os::check(
      connect ? ::connect(made.get(), where, sizeof to) : ::bind(made.get(), where, sizeof to),
      "address");
  return made;
}

/// What the server in the namespace of the calling thread says.
std::string ask(const std::string& message) {
  const os::Fd socket = udp_socket("127.0.0.11", true);
  os::write_all(socket, message);
  if (os::wait_for(socket, POLLIN, std::chrono::seconds(3)) == 0) return "nothing";
  std::array<char, 2048> answer;
  const ssize_t n = ::recv(socket.get(), answer.data(), answer.size(), 0);
  return n < 0 ? "refused" : std::string(answer.data(), static_cast<std::size_t>(n));
}

TEST(DnsServer, AnswersAtItsAddressAndOnlyWhileTheListenerLives) {
  const NetworkNamespace netns = NetworkNamespace::make();
  DnsServer server;
  DnsView view;
  view.addresses = [](const std::string& name) -> std::optional<std::vector<Ipv4>> {
    if (name == "web") return std::vector<Ipv4>{Ipv4::parse("10.0.0.2")};
    return std::nullopt;
  };
  view.names = [](Ipv4) { return std::vector<std::string>{"web.net"}; };
  DnsServer::Listener listener = server.listen(netns, view);
  os::in_network_namespace(netns.fd, [&] {
    EXPECT_TRUE(ask(question("web", DnsType::A)).ends_with(std::string("\x0a\0\0\2", 4)));
    EXPECT_EQ(ask(question("web", DnsType::Aaaa))[7], 0);
    EXPECT_EQ(ask(question("other", DnsType::A))[3] & 15, 2) << "no server to ask: SERVFAIL";
    EXPECT_TRUE(ask(question("2.0.0.10.in-addr.arpa", DnsType::Ptr)).find("web") !=
                std::string::npos);
    udp_socket("0.0.0.0", false);  // Port 53 is the container's to use.
  });
  listener = {};
  os::in_network_namespace(netns.fd, [&] {
    // The server's thread may be about to let go of the last question.
    std::string said;
    for (int i = 0; i < 5 && said != "refused"; ++i) said = ask(question("web", DnsType::A));
    EXPECT_EQ(said, "refused");
  });
  // As a daemon after this one does.
  listener = server.listen(netns, view);
  os::in_network_namespace(netns.fd, [&] { EXPECT_EQ(ask(question("web", DnsType::A))[7], 1); });
}

TEST(DnsServer, AsksTheNextServerAndTakesOnlyTheAnswerToItsQuestion) {
  const NetworkNamespace netns = NetworkNamespace::make();
  DnsServer server;
  os::in_network_namespace(netns.fd, [&] {
    const os::Fd upstream = udp_socket("127.0.0.77", false);
    std::jthread answering([&] {
      sockaddr_in from{};
      socklen_t size = sizeof from;
      std::array<char, 512> text;
      const ssize_t n = ::recvfrom(upstream.get(), text.data(), text.size(), 0,
                                   reinterpret_cast<sockaddr*>(&from), &size);
      const std::string asked(text.data(), static_cast<std::size_t>(n));
      const auto read = parse_question(asked);
      std::string forged = dns_answer(*read, {Ipv4::parse("6.6.6.6")});
      forged[0] = static_cast<char>(forged[0] + 1);
      const std::string real = dns_answer(*read, {Ipv4::parse("1.1.1.1")});
      for (const std::string& each : {forged, real}) {
        ::sendto(upstream.get(), each.data(), each.size(), 0,
                 reinterpret_cast<const sockaddr*>(&from), size);
      }
    });
    // Asked in the namespace of this thread, so that its own loopback answers.
    const std::string message = question("far.example", DnsType::A);
    const auto read = parse_question(message);
    const DnsAsking how{false, [] { return false; }};
    EXPECT_FALSE(ask_name_server("127.0.0.78", *read, message, how)) << "nobody there";
    const auto answer = ask_name_server("127.0.0.77", *read, message, how);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->substr(0, 2), "\x12\x34");
    EXPECT_TRUE(answer->ends_with("\1\1\1\1"));
  });
}

}  // namespace
}  // namespace wharf::network
