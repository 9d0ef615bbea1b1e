#include "network/ports.h"

#include <dirent.h>
#include <gtest/gtest.h>

#include "network/netlab_test.h"

namespace wharf::network {
namespace {

using lab::Daemon;
using lab::in_new_world;
using lab::on_bridge;

std::string refusal(const std::function<void()>& call) {
  try {
    call();
    return "no error";
  } catch (const base::Error& error) {
    return error.what();
  }
}

os::Fd host_program(int type, const std::string& address, int port) {
  os::Fd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const lab::SocketAddress at(address, port);
  os::check(::bind(fd.get(), at.get(), sizeof at.in), "bind");
  if (type == SOCK_STREAM) os::check(::listen(fd.get(), 1), "listen");
  return fd;
}

TEST(Ports, ConflictWithHostProgramsBothWaysAndWithEachOther) {
  in_new_world([] {
    PortTable table;
    const PortChoice any{{"0.0.0.0", "::"}, Protocol::Tcp, 8080, 8080};
    const PortChoice loopback{{"127.0.0.1"}, Protocol::Tcp, 8080, 8080};
    {
      const PortReservation held = table.reserve(any);
      EXPECT_EQ(refusal([&] { table.reserve(any); }),
                "Bind for 0.0.0.0:8080 failed: port is already allocated");
      EXPECT_EQ(refusal([&] { table.reserve(loopback); }),
                "Bind for 127.0.0.1:8080 failed: port is already allocated");
      EXPECT_NE(refusal([] { host_program(SOCK_STREAM, "0.0.0.0", 8080); }), "no error");
      EXPECT_NE(refusal([] { host_program(SOCK_STREAM, "127.0.0.1", 8080); }), "no error");
      EXPECT_EQ(refusal([&] { table.reserve({{"0.0.0.0"}, Protocol::Udp, 8080, 8080}); }),
                "no error");
    }
    const os::Fd program = host_program(SOCK_STREAM, "0.0.0.0", 8080);
    EXPECT_EQ(refusal([&] { table.reserve(any); }),
              "failed to bind host port 0.0.0.0:8080/tcp: address already in use");
    const os::Fd datagrams = host_program(SOCK_DGRAM, "0.0.0.0", 53);
    EXPECT_EQ(refusal([&] { table.reserve({{"0.0.0.0"}, Protocol::Udp, 53, 53}); }),
              "failed to bind host port 0.0.0.0:53/udp: address already in use");
    EXPECT_EQ(refusal([&] { table.reserve({{"203.0.113.9"}, Protocol::Tcp, 80, 80}); }),
              "failed to bind host port 203.0.113.9:80/tcp: cannot assign requested address");
    EXPECT_EQ(table.size(), 0u);
  });
}

TEST(Ports, OfARangeTheFirstFreeIsTaken) {
  in_new_world([] {
    PortTable table;
    const os::Fd program = host_program(SOCK_STREAM, "0.0.0.0", 8000);
    const PortChoice range{{"0.0.0.0"}, Protocol::Tcp, 8000, 8002};
    const PortReservation first = table.reserve(range);
    const PortReservation second = table.reserve(range);
    EXPECT_EQ(first.port(), 8001);
    EXPECT_EQ(second.port(), 8002);
    EXPECT_NE(refusal([&] { table.reserve(range); }), "no error");
  });
}

TEST(Ports, RandomOnesNeverCollideUnderConcurrency) {
  in_new_world([] {
    os::write_sysctl("net/ipv4/ip_local_port_range", "50000 50999");
    os::write_sysctl("net/ipv4/ip_local_reserved_ports", "50010-50019");
    PortTable table;
    std::mutex mutex;
    std::set<int> seen;
    std::vector<PortReservation> held;
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
          // Threads made here are in the same namespace.
          for (int n = 0; n < 100; ++n) {
            PortReservation one = table.reserve({{"0.0.0.0", "::"}, Protocol::Tcp, 0, 0});
            const std::lock_guard lock(mutex);
            seen.insert(one.port());
            held.push_back(std::move(one));
          }
        });
      }
    }
    EXPECT_EQ(seen.size(), 800u);
    EXPECT_TRUE(
        std::none_of(seen.begin(), seen.end(), [](int p) { return p >= 50010 && p < 50020; }));
  });
}

// threats A60.
TEST(PublishedPort, OfFiftyAtOnceOneContainerWinsAndTheOthersLeaveNothing) {
  in_new_world([] {
    Daemon daemon;
    std::mutex mutex;
    std::vector<Sandbox> winners;
    std::vector<std::string> refusals;
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 50; ++i) {
        threads.emplace_back([&, i] {
          JoinRequest request = on_bridge("c" + std::to_string(i));
          request.published = lab::publish("80", "", "9000");
          try {
            Sandbox sandbox = daemon.networks->join(request);
            const std::lock_guard lock(mutex);
            winners.push_back(std::move(sandbox));
          } catch (const base::Error& error) {
            const std::lock_guard lock(mutex);
            refusals.push_back(error.what());
          }
        });
      }
    }
    EXPECT_EQ(winners.size(), 1u);
    ASSERT_EQ(refusals.size(), 49u);
    EXPECT_TRUE(refusals[0].starts_with(
        "failed to set up container networking: driver failed programming external connectivity on "
        "endpoint c"));
    EXPECT_TRUE(refusals[0].ends_with("Bind for 0.0.0.0:9000 failed: port is already allocated"));
    EXPECT_EQ(daemon.networks->inspect("bridge").members.size(), 1u);
  });
}

// moby#50669: threats A60.
TEST(PublishedPort, AUdpClientThatKeepsSendingReachesTheNewContainer) {
  in_new_world([] {
    lab::Outside outside;
    Daemon daemon;
    os::Fd client;
    os::in_network_namespace(outside.netns.fd, [&] {
      client = os::Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      const lab::SocketAddress to("203.0.113.1", 5353);
      os::check(::connect(client.get(), to.get(), sizeof to.in), "connect");
    });
    const auto answer = [&] {
      char text[64] = {};
      for (int i = 0; i < 20; ++i) {
        [[maybe_unused]] const ssize_t sent = ::send(client.get(), "?", 1, 0);
        pollfd poll{client.get(), POLLIN, 0};
        if (::poll(&poll, 1, 50) <= 0) continue;
        if (::recv(client.get(), text, sizeof text, 0) > 0) break;
      }
      return std::string(text).substr(0, 3);
    };
    EXPECT_EQ(answer(), "");  // Nobody there yet; the flow is tracked all the same.
    for (const char* name : {"one", "two"}) {
      JoinRequest request = on_bridge(name);
      request.published = lab::publish("53/udp", "", "5353");
      Sandbox sandbox = daemon.networks->join(request);
      lab::Server server(sandbox.netns(), SOCK_DGRAM, 53, name);
      EXPECT_EQ(answer(), name);
    }
  });
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    count += entry.exists() || entry.is_symlink();
  }
  return count;
}

TEST(Sandbox, LeavesNoLinkNoElementNoPortNoDescriptor) {
  in_new_world([] {
    Daemon daemon;
    auto route = os::NetlinkSocket::open(NETLINK_ROUTE);
    const auto cycle = [&](int number) {
      JoinRequest request = on_bridge("c" + std::to_string(number));
      request.published = lab::publish("80", "", "9000");
      request.published[Port::parse("53/udp")] = {PortBinding{"127.0.0.1", ""}};
      const Sandbox sandbox = daemon.networks->join(request);
    };
    cycle(0);
    const auto settled = [&](std::size_t links) {
      for (int i = 0; i < 100 && list_links(route).size() > links; ++i) ::usleep(20'000);
      return list_links(route).size();
    };
    ASSERT_EQ(settled(2), 2u);  // lo and the bridge.
    ::usleep(50'000);           // The pool is full again.
    const std::size_t descriptors = open_descriptors();
    for (int i = 1; i <= 50; ++i) cycle(i);
    EXPECT_EQ(settled(2), 2u);
    ::usleep(50'000);
    EXPECT_LE(open_descriptors(), descriptors);
    EXPECT_TRUE(daemon.networks->inspect("bridge").members.empty());
    EXPECT_EQ(daemon.networks->inspect("bridge").subnets.at(0).in_use, 3u);
  });
}

}  // namespace
}  // namespace wharf::network
