// Networks that users make: their checks, isolation between them, live connect and disconnect.
#include <gtest/gtest.h>

#include "network/netlab_test.h"

namespace wharf::network {
namespace {

using lab::ask_from;
using lab::Daemon;
using lab::in_new_world;
using lab::on_bridge;
using lab::Outside;
using lab::Server;

NetworkConfig named(const std::string& name, const std::string& subnet = "") {
  NetworkConfig config;
  config.name = name;
  if (!subnet.empty()) config.ipam = {{subnet, "", "", {}}};
  return config;
}

JoinRequest on(const std::string& network, const std::string& name) {
  JoinRequest request = on_bridge(name);
  request.endpoints[0].network = network;
  return request;
}

std::string refusal(const std::function<void()>& call) {
  try {
    call();
    return "no error";
  } catch (const base::Error& error) {
    return fmt::format("{} {}", base::http_status(error.kind()), error.what());
  }
}

TEST(UserNetwork, IsRefusedInDockersWords) {
  in_new_world([] {
    Daemon daemon;
    const auto create = [&](const NetworkConfig& config) {
      return refusal([&] { daemon.networks->create(config); });
    };
    EXPECT_EQ(create(named("")), "400 invalid name: name is empty");
    EXPECT_EQ(create(named("n5")), "no error");
    EXPECT_EQ(create(named("n5")), "409 network with name n5 already exists");
    EXPECT_EQ(create(named("bridge")),
              "403 operation is not permitted on predefined bridge network ");
    NetworkConfig config = named("nx");
    config.driver = "bogus";
    EXPECT_EQ(create(config), "404 plugin \"bogus\" not found");
    config.driver = "host";
    EXPECT_EQ(create(config), "403 only one instance of \"host\" network is allowed");
    config = named("ny");
    config.scope = "swarm";
    EXPECT_EQ(create(config), "403 cannot create a swarm scoped network when swarm is not active");
    config = named("nz");
    config.config_from = "nope";
    EXPECT_EQ(create(config), "404 configuration network \"nope\" does not exist");
    config = named("nw");
    config.options = {{"com.docker.network.bridge.enable_icc", "maybe"}};
    EXPECT_EQ(create(config),
              "400 failed to parse com.docker.network.bridge.enable_icc value: maybe "
              "(strconv.ParseBool: parsing \"maybe\": invalid syntax)");
    config.options = {{"com.docker.network.driver.mtu", "abc"}};
    EXPECT_EQ(create(config),
              "400 failed to parse com.docker.network.driver.mtu value: abc (strconv.Atoi: parsing "
              "\"abc\": invalid syntax)");
    EXPECT_EQ(
        create(named("ne", "10.77.0.1/24")),
        "400 invalid network config:\ninvalid subnet 10.77.0.1/24: it should be 10.77.0.0/24");
    config = named("ne", "10.77.0.0/24");
    config.ipam[0].gateway = "10.78.0.1";
    EXPECT_EQ(create(config),
              "400 invalid network config:\ninvalid gateway 10.78.0.1: parent subnet 10.77.0.0/24 "
              "doesn't contain this address");
    EXPECT_EQ(create(named("n4", "10.77.4.0/24")), "no error");
    EXPECT_EQ(create(named("n4b", "10.77.4.128/25")),
              "403 invalid pool request: Pool overlaps with other one on this address space");
    for (const char* bad : {"../../x", "a\nb", "a\u202eb", "é"}) {
      EXPECT_TRUE(create(named(bad)).starts_with("400 ")) << bad;
    }
    EXPECT_TRUE(create(named(std::string(300, 'x'))).starts_with("400 "));
    EXPECT_EQ(refusal([&] { daemon.networks->remove("host"); }),
              "403 host is a pre-defined network and cannot be removed");
    EXPECT_EQ(refusal([&] { daemon.networks->inspect("gone"); }), "404 network gone not found");
    EXPECT_EQ(daemon.networks->list().size(), 5u);
  });
}

TEST(UserNetwork, IsFoundByNameIdAndPrefixAndRemovedWithItsBridge) {
  in_new_world([] {
    Daemon daemon;
    auto route = os::NetlinkSocket::open(NETLINK_ROUTE);
    const std::string id = daemon.networks->create(named("n1"));
    EXPECT_EQ(daemon.networks->inspect(id).name, "n1");
    EXPECT_EQ(daemon.networks->inspect(id.substr(0, 12)).id, id);
    EXPECT_EQ(daemon.networks->inspect("n1").ipam.at(0).gateway, "172.18.0.1");
    EXPECT_TRUE(find_link(route, "br-" + id.substr(0, 12)));
    {
      const Sandbox sandbox = daemon.networks->join(on("n1", "c1"));
      const std::string endpoint = sandbox.endpoints().at(0).endpoint_id.substr(0, 12);
      EXPECT_EQ(
          refusal([&] { daemon.networks->remove("n1"); }),
          "403 error while removing network: network n1 has active endpoints (name:\"c1\" id:\"" +
              endpoint + "\")");
    }
    daemon.networks->remove("n1");
    EXPECT_FALSE(find_link(route, "br-" + id.substr(0, 12)));
    EXPECT_EQ(refusal([&] { daemon.networks->join(on(id, "c1")); }),
              "404 failed to set up container networking: network " + id + " not found");
    EXPECT_EQ(daemon.networks->inspect(daemon.networks->create(named("n2"))).ipam.at(0).subnet,
              "172.18.0.0/16");
  });
}

// CVE-2025-54410: threats A54.
TEST(UserNetwork, ReachesNoOtherNetworkButWhatThatPublishes) {
  in_new_world([] {
    Outside outside;
    Daemon daemon;
    daemon.networks->create(named("n1"));
    daemon.networks->create(named("n2"));
    JoinRequest request = on("n2", "web");
    request.published = lab::publish("80", "", "8080");
    Sandbox web = daemon.networks->join(request);
    Sandbox other = daemon.networks->join(on("n1", "other"));
    Server server(web.netns(), SOCK_STREAM, 80, "web");
    EXPECT_EQ(ask_from(other.netns(), SOCK_STREAM, "172.19.0.2", 80, 200), "silence");
    EXPECT_EQ(ask_from(other.netns(), SOCK_STREAM, "203.0.113.1", 8080).substr(0, 3), "web");
  });
}

TEST(UserNetwork, ThatIsInternalReachesOnlyItself) {
  in_new_world([] {
    Outside outside;
    Daemon daemon;
    NetworkConfig config = named("inside", "10.77.7.0/24");
    config.internal = true;
    daemon.networks->create(config);
    Sandbox a = daemon.networks->join(on("inside", "a"));
    Sandbox b = daemon.networks->join(on("inside", "b"));
    JoinRequest request = on_bridge("web");
    request.published = lab::publish("80", "", "8080");
    Sandbox web = daemon.networks->join(request);
    Server near(b.netns(), SOCK_STREAM, 80, "b");
    Server server(web.netns(), SOCK_STREAM, 80, "web");
    Server far(outside.netns.fd, SOCK_STREAM, 80, "outside");
    EXPECT_EQ(a.endpoints().at(0).gateway, "");
    EXPECT_EQ(ask_from(a.netns(), SOCK_STREAM, "10.77.7.3", 80), "b 10.77.7.2");
    // Even where the container makes itself a route.
    os::in_network_namespace(a.netns(), [] {
      auto route = os::NetlinkSocket::open(NETLINK_ROUTE);
      replace_default_route(route, 2, Ipv4::parse("10.77.7.1"));
    });
    EXPECT_EQ(ask_from(a.netns(), SOCK_STREAM, "203.0.113.2", 80, 200), "silence");
    EXPECT_EQ(ask_from(a.netns(), SOCK_STREAM, "203.0.113.1", 8080, 200), "silence");
    EXPECT_EQ(ask_from(a.netns(), SOCK_STREAM, "172.17.0.2", 80, 200), "silence");
  });
}

TEST(UserNetwork, GivesTheAddressMacNamesAndInterfaceAskedFor) {
  in_new_world([] {
    Daemon daemon;
    NetworkConfig config = named("n14", "10.77.14.0/24");
    config.options = {{"com.docker.network.driver.mtu", "1400"}};
    daemon.networks->create(config);
    JoinRequest request = on("n14", "c14");
    request.endpoints[0].ipv4_address = "10.77.14.77";
    request.endpoints[0].mac_address = "02:67:00:00:00:77";
    request.endpoints[0].aliases = {"web", "www"};
    request.endpoints[0].driver_opts = {
        {"com.docker.network.endpoint.ifname", "wan7"},
        {"com.docker.network.endpoint.sysctls", "net.ipv4.conf.IFNAME.forwarding=0"}};
    const Sandbox sandbox = daemon.networks->join(request);
    const EndpointInfo info = sandbox.endpoints().at(0);
    EXPECT_EQ(info.ip_address, "10.77.14.77");
    EXPECT_EQ(info.mac_address, "02:67:00:00:00:77");
    EXPECT_EQ(info.dns_names,
              (std::vector<std::string>{"c14", "web", "www", request.container_id.substr(0, 12)}));
    os::in_network_namespace(sandbox.netns(), [] {
      EXPECT_EQ(os::read_sysctl("net/ipv4/conf/wan7/forwarding"), "0");
      EXPECT_EQ(os::read_sysctl("net/ipv6/conf/wan7/disable_ipv6"), "1");
    });
    request = on("n14", "second");
    request.endpoints[0].ipv4_address = "10.77.14.77";
    EXPECT_EQ(refusal([&] { daemon.networks->join(request); }),
              "403 failed to set up container networking: Address already in use");
    request.endpoints[0].ipv4_address = "10.99.0.1";
    EXPECT_TRUE(refusal([&] {
                  daemon.networks->join(request);
                }).ends_with("no configured subnet contains IP address 10.99.0.1"));
  });
}

TEST(UserNetwork, IsJoinedAndLeftByARunningContainer) {
  in_new_world([] {
    Outside outside;
    Daemon daemon;
    daemon.networks->create(named("n11", "10.77.11.0/24"));
    Sandbox sandbox = daemon.networks->join(on_bridge("c11"));
    Sandbox neighbour = daemon.networks->join(on("n11", "neighbour"));
    Server server(neighbour.netns(), SOCK_STREAM, 80, "neighbour");
    Server far(outside.netns.fd, SOCK_STREAM, 80, "outside");
    EndpointRequest request;
    request.network = "n11";
    request.gw_priority = 10;
    daemon.networks->connect(sandbox, request);
    EXPECT_EQ(sandbox.endpoints().at(1).interface, "eth1");
    EXPECT_EQ(ask_from(sandbox.netns(), SOCK_STREAM, "10.77.11.2", 80), "neighbour 10.77.11.3");
    EXPECT_EQ(ask_from(sandbox.netns(), SOCK_STREAM, "203.0.113.2", 80), "outside 203.0.113.1");
    EXPECT_EQ(refusal([&] { daemon.networks->connect(sandbox, request); }),
              "403 endpoint with name c11 already exists in network n11");
    daemon.networks->disconnect(sandbox, "n11");
    EXPECT_EQ(sandbox.endpoints().size(), 1u);
    EXPECT_EQ(ask_from(sandbox.netns(), SOCK_STREAM, "203.0.113.2", 80), "outside 203.0.113.1");
    EXPECT_TRUE(refusal([&] {
                  daemon.networks->disconnect(sandbox, "n11");
                }).ends_with(" is not connected to network n11"));
    EXPECT_EQ(daemon.networks->inspect("n11").members.size(), 1u);
  });
}

TEST(UserNetwork, IsThereAfterARestartAndAnUnknownBridgeIsSwept) {
  in_new_world([] {
    Daemon daemon;
    const std::string id = daemon.networks->create(named("kept", "10.77.20.0/24"));
    auto route = os::NetlinkSocket::open(NETLINK_ROUTE);
    // Killed between making the bridge and writing its row; and somebody else's bridge.
    const std::string alias = find_link(route, "docker0")->alias;
    create_bridge(route, "br-0123456789ab", 0, alias);
    create_bridge(route, "br-foreign", 0, "");
    daemon.stop();
    daemon.start();
    daemon.networks->restored();
    EXPECT_EQ(daemon.networks->inspect("kept").id, id);
    EXPECT_FALSE(find_link(route, "br-0123456789ab"));
    EXPECT_TRUE(find_link(route, "br-foreign"));
    EXPECT_EQ(daemon.networks->join(on("kept", "c")).endpoints().at(0).ip_address, "10.77.20.2");
  });
}

TEST(ConfigOnlyNetwork, LendsItsConfigurationAndCannotBeJoined) {
  in_new_world([] {
    Daemon daemon;
    NetworkConfig config = named("n10", "10.77.10.0/24");
    config.config_only = true;
    daemon.networks->create(config);
    config = named("n10b");
    config.config_from = "n10";
    daemon.networks->create(config);
    EXPECT_EQ(daemon.networks->inspect("n10b").ipam.at(0).gateway, "10.77.10.1");
    EXPECT_EQ(refusal([&] { daemon.networks->join(on("n10", "c")); }),
              "403 failed to set up container networking: cannot create endpoint on "
              "configuration-only network");
    EXPECT_EQ(refusal([&] { daemon.networks->remove("n10"); }),
              "403 error while removing network: configuration network \"n10\" is in use");
  });
}

}  // namespace
}  // namespace wharf::network
