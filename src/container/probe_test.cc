#include "container/probe.h"

#include <gtest/gtest.h>

namespace wharf::container {
namespace {

TEST(Pressure, IsReadFromTheKernelsTwoLines) {
  const auto pressure = parse_pressure(
      "some avg10=1.25 avg60=0.50 avg300=0.00 total=12345\n"
      "full avg10=0.10 avg60=0.00 avg300=0.00 total=7\n");
  ASSERT_TRUE(pressure);
  EXPECT_DOUBLE_EQ(pressure->some.avg10, 1.25);
  EXPECT_EQ(pressure->some.total, 12345U);
  ASSERT_TRUE(pressure->full);
  EXPECT_EQ(pressure->full->total, 7U);
  EXPECT_FALSE(parse_pressure("some avg10=0 total=1\n")->full);
}

TEST(Pressure, IsNothingWhereTheFileIsEmptyOrSomethingElse) {
  EXPECT_FALSE(parse_pressure(""));
  EXPECT_FALSE(parse_pressure("garbage\n\n=\n"));
}

TEST(NetworkDevices, AreReadWithoutTheLoopback) {
  const auto devices = parse_network_devices(
      "Inter-|   Receive                                                |  Transmit\n"
      " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs\n"
      "    lo:     100       1    0    0    0     0          0         0      100       1    0 0 0 "
      "0 0 0\n"
      "  eth0: 1296 16 1 2 0 0 0 0 42 3 4 5 0 0 0 0\n"
      " eth0:1: broken\n");
  ASSERT_EQ(devices.size(), 1U);
  const api::NetworkStats& eth0 = devices.at("eth0");
  EXPECT_EQ(eth0.rx_bytes, 1296U);
  EXPECT_EQ(eth0.rx_packets, 16U);
  EXPECT_EQ(eth0.rx_errors, 1U);
  EXPECT_EQ(eth0.rx_dropped, 2U);
  EXPECT_EQ(eth0.tx_bytes, 42U);
  EXPECT_EQ(eth0.tx_packets, 3U);
  EXPECT_EQ(eth0.tx_errors, 4U);
  EXPECT_EQ(eth0.tx_dropped, 5U);
}

TEST(ContainerStats, OfAStoppedContainerHaveDockersShape) {
  api::ContainerStats stats;
  stats.id = "x";
  const base::JsonObject json = api::to_json(stats).as_object();
  EXPECT_TRUE(json.at("memory_stats").as_object().empty());
  EXPECT_TRUE(json.at("pids_stats").as_object().empty());
  EXPECT_TRUE(json.at("blkio_stats").as_object().at("sectors_recursive").is_null());
  EXPECT_FALSE(json.contains("networks"));
  EXPECT_FALSE(json.contains("pressure_stats"));
}

TEST(ContainerStats, KnowTheMomentBefore) {
  api::ContainerStats before, now;
  before.read = "then";
  before.cpu.usage.total = 5;
  now.cpu.usage.total = 9;
  set_before(now, before);
  EXPECT_EQ(now.preread, "then");
  EXPECT_EQ(now.precpu.usage.total, 5U);
}

}  // namespace
}  // namespace wharf::container
