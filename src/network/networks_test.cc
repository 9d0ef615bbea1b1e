#include "network/networks.h"

#include <gtest/gtest.h>

#include "network/netlab_test.h"

namespace wharf::network {
namespace {

using lab::ask;
using lab::ask_from;
using lab::Daemon;
using lab::in_new_world;
using lab::on_bridge;
using lab::Outside;
using lab::Server;

TEST(DefaultBridge, FirstContainerGetsTheSecondAddressOfTheFirstPool) {
  in_new_world([] {
    Daemon daemon;
    const Sandbox sandbox = daemon.networks->join(on_bridge("web"));
    const EndpointInfo info = sandbox.endpoints().at(0);
    EXPECT_EQ(info.ip_address, "172.17.0.2");
    EXPECT_EQ(info.ip_prefix_len, 16);
    EXPECT_EQ(info.gateway, "172.17.0.1");
    EXPECT_EQ(info.interface, "eth0");
    EXPECT_TRUE(info.dns_names.empty());
    EXPECT_EQ(daemon.networks->inspect("bridge").members.size(), 1u);
  });
}

TEST(DefaultBridge, AnAddressIsGivenAgainOnceItIsFree) {
  in_new_world([] {
    Daemon daemon;
    {
      const Sandbox first = daemon.networks->join(on_bridge("a"));
    }
    const Sandbox second = daemon.networks->join(on_bridge("b"));
    EXPECT_EQ(second.endpoints().at(0).ip_address, "172.17.0.2");
  });
}

TEST(DefaultBridge, AvoidsTheHostsRoutesAndTakesTheNextPool) {
  in_new_world([] {
    auto route = os::NetlinkSocket::open(NETLINK_ROUTE);
    create_bridge(route, "office0", 0, "");
    const int index = find_link(route, "office0")->index;
    set_link_up(route, index);
    add_address(route, index, Ipv4::parse("172.17.5.1"), 24);
    Daemon daemon;
    EXPECT_EQ(daemon.networks->inspect("bridge").ipam.at(0).subnet, "172.18.0.0/16");
  });
}

TEST(DefaultBridge, TakesBipFixedCidrAndMtu) {
  in_new_world([] {
    Settings settings;
    settings.bip = "10.9.0.1/24";
    settings.fixed_cidr = "10.9.0.64/26";
    settings.mtu = 1400;
    Daemon daemon(settings);
    const Sandbox sandbox = daemon.networks->join(on_bridge("a"));
    EXPECT_EQ(sandbox.endpoints().at(0).ip_address, "10.9.0.64");
    EXPECT_EQ(sandbox.endpoints().at(0).ip_prefix_len, 24);
    os::in_network_namespace(sandbox.netns(), [] {
      EXPECT_EQ(os::read_file("/proc/net/dev").find("eth1"), std::string::npos);
    });
  });
}

TEST(DefaultBridge, ContainersReachOutsideUnderTheHostsAddressAndEachOtherDirectly) {
  in_new_world([] {
    Outside outside;
    Daemon daemon;
    Sandbox a = daemon.networks->join(on_bridge("a"));
    Sandbox b = daemon.networks->join(on_bridge("b"));
    Server far(outside.netns.fd, SOCK_STREAM, 80, "outside");
    Server near(b.netns(), SOCK_STREAM, 80, "b");
    EXPECT_EQ(ask_from(a.netns(), SOCK_STREAM, "203.0.113.2", 80), "outside 203.0.113.1");
    EXPECT_EQ(ask_from(a.netns(), SOCK_STREAM, "172.17.0.3", 80), "b 172.17.0.2");
    EXPECT_EQ(ask(SOCK_STREAM, "172.17.0.3", 80), "b 172.17.0.1");
  });
}

TEST(PublishedPort, IsReachedFromOutsideFromTheHostOnLoopbackAndByHairpin) {
  in_new_world([] {
    Outside outside;
    Daemon daemon;
    JoinRequest request = on_bridge("web");
    request.published = lab::publish("80/tcp", "", "8080");
    Sandbox web = daemon.networks->join(request);
    Sandbox other = daemon.networks->join(on_bridge("other"));
    Server server(web.netns(), SOCK_STREAM, 80, "web");
    EXPECT_EQ(ask_from(outside.netns.fd, SOCK_STREAM, "203.0.113.1", 8080), "web 203.0.113.2");
    EXPECT_EQ(ask(SOCK_STREAM, "203.0.113.1", 8080), "web 203.0.113.1");
    EXPECT_EQ(ask(SOCK_STREAM, "127.0.0.1", 8080), "web 172.17.0.1");
    EXPECT_EQ(ask(SOCK_STREAM, "172.17.0.1", 8080), "web 172.17.0.1");
    EXPECT_EQ(ask_from(other.netns(), SOCK_STREAM, "203.0.113.1", 8080), "web 172.17.0.1");
    EXPECT_EQ(ask_from(web.netns(), SOCK_STREAM, "203.0.113.1", 8080), "web 172.17.0.1");
    EXPECT_EQ(ask_from(web.netns(), SOCK_STREAM, "172.17.0.1", 8080), "web 172.17.0.1");
  });
}

TEST(PublishedPort, ChangesWhileTheContainerRunsAllOrNothing) {
  in_new_world([] {
    Daemon daemon;
    JoinRequest request = on_bridge("web");
    request.published = lab::publish("80", "127.0.0.1", "8080");
    request.published[Port::parse("90")] = {PortBinding{"127.0.0.1", ""}};
    Sandbox web = daemon.networks->join(request);
    Server first(web.netns(), SOCK_STREAM, 80, "first");
    Server second(web.netns(), SOCK_STREAM, 81, "second");
    const PortMap before = web.ports();
    const std::string chosen = before.at(Port::parse("90"))->front().host_port;
    PortMap wanted = request.published;
    wanted[Port::parse("81")] = {PortBinding{"127.0.0.1", "8081"}};
    daemon.networks->publish(web, wanted);
    EXPECT_EQ(ask(SOCK_STREAM, "127.0.0.1", 8080), "first 172.17.0.1");
    EXPECT_EQ(ask(SOCK_STREAM, "127.0.0.1", 8081), "second 172.17.0.1");
    EXPECT_EQ(web.ports().at(Port::parse("90"))->front().host_port, chosen);

    // A host port that leads elsewhere from now on, and one that is no longer published.
    wanted = lab::publish("81", "127.0.0.1", "8080");
    daemon.networks->publish(web, wanted);
    EXPECT_EQ(ask(SOCK_STREAM, "127.0.0.1", 8080), "second 172.17.0.1");
    EXPECT_EQ(ask(SOCK_STREAM, "127.0.0.1", 8081), "refused");
    EXPECT_EQ(web.ports().size(), 1U);

    Sandbox other = daemon.networks->join(on_bridge("other"));
    daemon.networks->publish(other, lab::publish("80", "127.0.0.1", "9000"));
    wanted[Port::parse("80")] = {PortBinding{"127.0.0.1", "9001"},
                                 PortBinding{"127.0.0.1", "9000"}};
    EXPECT_THROW(daemon.networks->publish(web, wanted), base::Error);
    EXPECT_EQ(ask(SOCK_STREAM, "127.0.0.1", 8080), "second 172.17.0.1");
    EXPECT_EQ(ask(SOCK_STREAM, "127.0.0.1", 9001), "refused");
    daemon.networks->publish(web, {});
    EXPECT_EQ(ask(SOCK_STREAM, "127.0.0.1", 8080), "refused");
    daemon.networks->publish(other, lab::publish("80", "127.0.0.1", "8080"));
  });
}

TEST(PublishedPort, WorksForUdp) {
  in_new_world([] {
    Outside outside;
    Daemon daemon;
    JoinRequest request = on_bridge("dns");
    request.published = lab::publish("53/udp", "0.0.0.0", "5353");
    Sandbox dns = daemon.networks->join(request);
    Server server(dns.netns(), SOCK_DGRAM, 53, "dns");
    EXPECT_EQ(ask_from(outside.netns.fd, SOCK_DGRAM, "203.0.113.1", 5353), "dns 203.0.113.2");
    EXPECT_EQ(ask(SOCK_DGRAM, "127.0.0.1", 5353), "dns 172.17.0.1");
  });
}

TEST(PublishedPort, OnOneAddressAnswersNoOther) {
  in_new_world([] {
    Outside outside;
    Daemon daemon;
    JoinRequest request = on_bridge("web");
    request.published = lab::publish("80", "203.0.113.1", "8080");
    Sandbox web = daemon.networks->join(request);
    Server server(web.netns(), SOCK_STREAM, 80, "web");
    EXPECT_EQ(ask_from(outside.netns.fd, SOCK_STREAM, "203.0.113.1", 8080), "web 203.0.113.2");
    EXPECT_EQ(ask(SOCK_STREAM, "127.0.0.1", 8080), "refused");
  });
}

// CVE-2020-8558 and its kin: threats A53.
TEST(PublishedPort, OnLoopbackAnswersOnlyTheHostItself) {
  in_new_world([] {
    Outside outside;
    Daemon daemon;
    JoinRequest request = on_bridge("web");
    request.published = lab::publish("80", "127.0.0.1", "8081");
    Sandbox web = daemon.networks->join(request);
    Sandbox other = daemon.networks->join(on_bridge("other"));
    Server server(web.netns(), SOCK_STREAM, 80, "web");
    Server local(os::current_network_namespace(), SOCK_STREAM, 9000, "host only", "127.0.0.1");
    EXPECT_EQ(ask(SOCK_STREAM, "127.0.0.1", 8081), "web 172.17.0.1");
    EXPECT_EQ(ask_from(outside.netns.fd, SOCK_STREAM, "203.0.113.1", 8081), "refused");
    // A neighbour, and a container, that send packets for 127.0.0.1 to the host.
    for (const os::Fd* netns : {static_cast<const os::Fd*>(&outside.netns.fd), &other.netns()}) {
      const std::string router = netns == &outside.netns.fd ? "203.0.113.1" : "172.17.0.1";
      os::in_network_namespace(*netns, [&] {
        os::write_sysctl("net/ipv4/conf/all/route_localnet", "1");
        auto route = os::NetlinkSocket::open(NETLINK_ROUTE);
        for (const LinkAddress& each : list_addresses(route)) {
          if (each.address.is_loopback()) delete_address(route, each);
        }
        EXPECT_EQ(ask(SOCK_STREAM, "127.0.0.1", 8081, 200), "silence");
        EXPECT_EQ(ask(SOCK_STREAM, "127.0.0.1", 9000, 200), "silence");
      });
    }
  });
}

// CVE-2025-54388: threats A52.
TEST(Isolation, DirectRoutingFromOutsideReachesNoContainer) {
  in_new_world([] {
    Outside outside;
    Daemon daemon;
    JoinRequest request = on_bridge("web");
    request.published = lab::publish("80", "", "8082");
    Sandbox web = daemon.networks->join(request);
    Server published(web.netns(), SOCK_STREAM, 80, "web");
    Server hidden(web.netns(), SOCK_STREAM, 81, "hidden");
    EXPECT_EQ(ask_from(outside.netns.fd, SOCK_STREAM, "172.17.0.2", 81, 200), "silence");
    EXPECT_EQ(ask_from(outside.netns.fd, SOCK_STREAM, "172.17.0.2", 80, 200), "silence");
    EXPECT_EQ(ask_from(outside.netns.fd, SOCK_STREAM, "203.0.113.1", 8082), "web 203.0.113.2");
    daemon.networks->repair_firewall();
    EXPECT_EQ(ask_from(outside.netns.fd, SOCK_STREAM, "172.17.0.2", 81, 200), "silence");
    EXPECT_EQ(ask_from(outside.netns.fd, SOCK_STREAM, "203.0.113.1", 8082), "web 203.0.113.2");
  });
}

TEST(Isolation, WithoutIccContainersReachOnlyPublishedPortsOfEachOther) {
  in_new_world([] {
    Outside outside;
    Settings settings;
    settings.icc = false;
    Daemon daemon(settings);
    JoinRequest request = on_bridge("web");
    request.published = lab::publish("80", "", "8080");
    Sandbox web = daemon.networks->join(request);
    Sandbox other = daemon.networks->join(on_bridge("other"));
    Server server(web.netns(), SOCK_STREAM, 80, "web");
    EXPECT_EQ(ask_from(other.netns(), SOCK_STREAM, "172.17.0.2", 80, 200).substr(0, 3) == "web",
              false);
    EXPECT_EQ(ask_from(other.netns(), SOCK_STREAM, "203.0.113.1", 8080), "web 172.17.0.1");
    EXPECT_EQ(ask(SOCK_STREAM, "127.0.0.1", 8080), "web 172.17.0.1");
  });
}

TEST(Isolation, TheHostDoesNotBecomeARouterForOthers) {
  in_new_world([] {
    Outside outside;
    Daemon daemon;
    // A second neighbour on another link.
    NetworkNamespace lan = NetworkNamespace::make();
    auto here = os::NetlinkSocket::open(NETLINK_ROUTE);
    VethPair pair;
    pair.host_name = "lan0";
    pair.peer_name = "eth0";
    pair.peer_mac = MacAddress::random();
    create_veth(here, pair, lan.fd);
    add_address(here, find_link(here, "lan0")->index, Ipv4::parse("198.51.100.1"), 24);
    set_up_interface(lan.route, {2, Ipv4::parse("198.51.100.2"), 24, Ipv4::parse("198.51.100.1")});
    Server server(lan.fd, SOCK_STREAM, 80, "lan");
    EXPECT_EQ(os::read_sysctl("net/ipv4/ip_forward"), "1");
    EXPECT_EQ(ask_from(outside.netns.fd, SOCK_STREAM, "198.51.100.2", 80, 200), "silence");
  });
}

TEST(NoneAndHost, GiveALoopbackAloneAndNoNamespace) {
  in_new_world([] {
    Daemon daemon;
    JoinRequest request = on_bridge("quiet");
    request.endpoints[0].network = "none";
    const Sandbox none = daemon.networks->join(request);
    EXPECT_EQ(none.endpoints().at(0).ip_address, "");
    os::in_network_namespace(none.netns(), [] {
      auto route = os::NetlinkSocket::open(NETLINK_ROUTE);
      EXPECT_EQ(list_links(route).size(), 1u);
      EXPECT_EQ(os::read_sysctl("net/ipv4/ip_unprivileged_port_start"), "0");
      EXPECT_EQ(ask(SOCK_STREAM, "127.0.0.1", 1), "refused");
    });
    request = on_bridge("open");
    request.endpoints[0].network = "host";
    const Sandbox host = daemon.networks->join(request);
    EXPECT_FALSE(host.netns().valid());
    EXPECT_EQ(host.endpoints().at(0).network_name, "host");
  });
}

TEST(Restart, OwnsThePortsAndAddressesOfContainersThatLiveAndDropsTheOthers) {
  in_new_world([] {
    Outside outside;
    Daemon daemon;
    JoinRequest request = on_bridge("web");
    request.published = lab::publish("80", "", "8080");
    Sandbox web = daemon.networks->join(request);
    request = on_bridge("dead");
    request.published = lab::publish("80", "", "8081");
    Sandbox dead = daemon.networks->join(request);
    Server server(web.netns(), SOCK_STREAM, 80, "web");
    const base::Json record = web.record();
    const os::Fd netns = web.netns().duplicate();
    const std::string bridge_id = daemon.networks->inspect("bridge").id;
    web.forget();
    dead.forget();
    daemon.stop();

    EXPECT_EQ(ask_from(outside.netns.fd, SOCK_STREAM, "203.0.113.1", 8080), "web 203.0.113.2");
    daemon.start();
    EXPECT_EQ(ask_from(outside.netns.fd, SOCK_STREAM, "203.0.113.1", 8080), "web 203.0.113.2");
    Sandbox again =
        daemon.networks->restore(base::parse_json(base::to_text(record)), netns.duplicate());
    daemon.networks->restored();
    EXPECT_EQ(daemon.networks->inspect("bridge").id, bridge_id);
    EXPECT_EQ(again.record(), record);
    EXPECT_EQ(again.ports().at(Port::parse("80")).value().at(0).host_port, "8080");
    EXPECT_EQ(ask_from(outside.netns.fd, SOCK_STREAM, "203.0.113.1", 8080), "web 203.0.113.2");
    EXPECT_EQ(ask_from(outside.netns.fd, SOCK_STREAM, "203.0.113.1", 8081), "refused");

    JoinRequest second = on_bridge("second");
    EXPECT_EQ(daemon.networks->join(second).endpoints().at(0).ip_address, "172.17.0.3");
    second.published = lab::publish("80", "", "8080");
    EXPECT_THROW(daemon.networks->join(second), base::Error);
  });
}

}  // namespace
}  // namespace wharf::network
