// Addresses, leases, ports and files of names: what needs no kernel.
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "network/address.h"
#include "network/binding.h"
#include "network/ipam.h"
#include "network/names.h"
#include "network/request.h"
#include "os/file.h"

namespace wharf::network {
namespace {

std::string refusal(const std::function<void()>& call) {
  try {
    call();
    return "no error";
  } catch (const base::Error& error) {
    return fmt::format("{} {}", base::http_status(error.kind()), error.what());
  }
}

TEST(Subnet, IsReadAndRefusedInGosWords) {
  EXPECT_EQ(Subnet::parse("10.77.0.1/24").masked().text(), "10.77.0.0/24");
  EXPECT_EQ(refusal([] { Subnet::parse("bogus"); }), "400 netip.ParsePrefix(\"bogus\"): no '/'");
  EXPECT_EQ(refusal([] { Subnet::parse("10.77.0.0/33"); }),
            "400 netip.ParsePrefix(\"10.77.0.0/33\"): prefix length out of range");
  EXPECT_EQ(refusal([] { Ipv4::parse("nope"); }), "400 ParseAddr(\"nope\"): unable to parse IP");
  for (const char* bad :
       {"10.0.0.0/", "10.0.0.0/08", "10.0.0.0/x", "10.0.0/8", "/8", "10.0.0.0/-1"}) {
    EXPECT_TRUE(refusal([&] { Subnet::parse(bad); }).starts_with("400 ")) << bad;
  }
  EXPECT_TRUE(Subnet::parse("0.0.0.0/0").contains(Ipv4::parse("255.255.255.255")));
}

TEST(MacAddress, RandomOnesAreUnicastAndLocallyAdministered) {
  for (int i = 0; i < 100; ++i) EXPECT_EQ(MacAddress::random().bytes[0] & 3, 2);
  EXPECT_EQ(MacAddress::parse("02:67:00:00:00:77").text(), "02:67:00:00:00:77");
  for (const char* bad :
       {"", "02:67", "zz:00:00:00:00:00", "2:67:0:0:0:77", "02:67:00:00:00:77:01"}) {
    EXPECT_TRUE(refusal([&] { MacAddress::parse(bad); }).starts_with("400 ")) << bad;
  }
}

std::shared_ptr<AddressRange> range_of(const std::string& subnet, const std::string& part = "") {
  return std::make_shared<AddressRange>(Subnet::parse(subnet),
                                        Subnet::parse(part.empty() ? subnet : part));
}

TEST(AddressRange, GivesTheLowestThatIsFree) {
  const auto range = range_of("10.0.0.0/29");
  range->reserve(Ipv4::parse("10.0.0.1"));
  std::vector<AddressLease> held;
  for (const char* expected : {"10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"}) {
    held.push_back(range->lease("net"));
    EXPECT_EQ(held.back().address().text(), expected);
  }
  held.erase(held.begin());
  EXPECT_EQ(range->lease("net").address().text(), "10.0.0.2");
  held.push_back(range->lease("net"));
  EXPECT_EQ(held.back().address().text(), "10.0.0.2");
  held.push_back(range->lease("net"));
  EXPECT_EQ(held.back().address().text(), "10.0.0.6");
  EXPECT_EQ(refusal([&] { range->lease("net (id)"); }),
            "403 no available IPv4 addresses on this network's address pools: net (id)");
  EXPECT_EQ(range->available(), 0u);
  held.clear();
  EXPECT_EQ(range->in_use(), 3u);  // Network, gateway, broadcast.
}

TEST(AddressRange, GivesAnAddressThatIsAskedForOnce) {
  const auto range = range_of("10.77.14.0/24");
  const AddressLease lease = range->lease(Ipv4::parse("10.77.14.77"));
  EXPECT_EQ(refusal([&] { range->lease(Ipv4::parse("10.77.14.77")); }),
            "403 Address already in use");
  EXPECT_EQ(refusal([&] { range->lease(Ipv4::parse("10.77.14.255")); }),
            "403 Address already in use");
  EXPECT_TRUE(refusal([&] { range->lease(Ipv4::parse("10.99.0.1")); }).starts_with("400 "));
}

TEST(AddressRange, CountsAsDockersStatusDoes) {
  const auto range = range_of("10.77.29.0/24");
  range->reserve(Ipv4::parse("10.77.29.1"));
  EXPECT_EQ(range->in_use(), 3u);
  EXPECT_EQ(range->available(), 253u);
}

TEST(AddressRange, IsSafeUnderManyThreadsAndWholeForAHugeSubnet) {
  const auto range = range_of("10.0.0.0/8");
  std::mutex mutex;
  std::set<std::uint32_t> seen;
  std::vector<AddressLease> held;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 200; ++n) {
          AddressLease lease = range->lease("net");
          const std::lock_guard lock(mutex);
          seen.insert(lease.address().value);
          held.push_back(std::move(lease));
        }
      });
    }
  }
  EXPECT_EQ(seen.size(), 1600u);
}

TEST(AddressSpace, SkipsWhatIsTakenAndSaysWhenNothingIsLeft) {
  AddressSpace space({{"10.50.0.0/30", 31}});
  EXPECT_EQ(space.take_any({}).text(), "10.50.0.0/31");
  EXPECT_EQ(refusal([&] { space.take(Subnet::parse("10.50.0.0/16")); }),
            "403 invalid pool request: Pool overlaps with other one on this address space");
  EXPECT_EQ(refusal([&] { space.take_any({Subnet::parse("10.50.0.2/32")}); }),
            "403 all predefined address pools have been fully subnetted");
  EXPECT_EQ(space.take_any({}).text(), "10.50.0.2/31");
}

TEST(Port, IsReadAndRefusedInDockersWords) {
  EXPECT_EQ(Port::parse("80"), (Port{80, Protocol::Tcp}));
  EXPECT_EQ(Port::parse("53/UDP").text(), "53/udp");
  EXPECT_EQ(refusal([] { Port::parse("abc"); }), "400 invalid port 'abc': invalid syntax");
  EXPECT_TRUE(refusal([] { Port::parse("80/foo"); }).starts_with("400 "));
  EXPECT_EQ(parse_host_ports("8000-8010").last, 8010);
  EXPECT_EQ(parse_host_ports("").first, 0);
  for (const char* bad : {"abc", "70000", "9-5", "-1", "80-", "0-5", "80 "}) {
    EXPECT_EQ(refusal([&] { check_port_binding({"", bad}); }),
              fmt::format("400 invalid port specification: \"{}\"", bad));
  }
}

TEST(HostsFile, HasTheUsualLinesThenExtraHostsThenLinksThenItself) {
  HostsFile hosts;
  hosts.extra_hosts = {"db:10.0.0.9", "gw:host-gateway", "six:[2001:db8::1]"};
  hosts.host_gateway = {"172.17.0.1"};
  hosts.links = {{"172.17.0.2", {"alias", "0123456789ab", "name"}}};
  hosts.addresses = {"172.17.0.3"};
  hosts.hostname = "web";
  hosts.domainname = "example.org";
  EXPECT_EQ(build_hosts_file(hosts),
            "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
            "fe00::\tip6-localnet\nff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\n"
            "ff02::2\tip6-allrouters\n10.0.0.9\tdb\n172.17.0.1\tgw\n2001:db8::1\tsix\n"
            "172.17.0.2\talias 0123456789ab name\n172.17.0.3\tweb.example.org web\n");
  hosts.extra_hosts = {"nonsense"};
  EXPECT_EQ(refusal([&] { build_hosts_file(hosts); }), "400 bad format for add-host: \"nonsense\"");
  hosts.extra_hosts = {"x:1.2.3"};
  EXPECT_EQ(refusal([&] { build_hosts_file(hosts); }),
            "400 invalid IP address in add-host: \"1.2.3\"");
}

std::string essence(const std::string& text) {
  std::string kept;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (end > at && text[at] != '#') kept += text.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return kept;
}

TEST(ResolvConf, LeavesOutTheHostsLoopbackAndFallsBack) {
  os::TempDirectory directory;
  const os::Path file = directory.path() / "resolv.conf";
  const auto built = [&](const std::string& host, const DnsSettings& own = {},
                         const DnsSettings& daemon = {}) {
    std::ofstream(file) << host;
    return essence(build_resolv_conf(own, daemon, file));
  };
  EXPECT_EQ(built("# c\nnameserver 127.0.0.1\nnameserver 10.0.0.2\nsearch a b\noptions ndots:2\n"),
            "nameserver 10.0.0.2\nsearch a b\noptions ndots:2\n");
  EXPECT_EQ(built("nameserver 127.0.0.1\nnameserver ::1\n"),
            "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
  EXPECT_EQ(built("search a\n", {{"10.77.0.53"}, {"."}, {}}), "nameserver 10.77.0.53\n");
  EXPECT_EQ(built("nameserver 10.0.0.2\n", {}, {{"10.1.1.1"}, {"corp"}, {"edns0"}}),
            "nameserver 10.1.1.1\nsearch corp\noptions edns0\n");
  EXPECT_EQ(essence(build_resolv_conf({}, {}, "/nonexistent/resolv.conf")),
            "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
}

}  // namespace
}  // namespace wharf::network
