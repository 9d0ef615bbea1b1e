#include "os/pty.h"

#include <gtest/gtest.h>

#include <array>

namespace wharf::os {
namespace {

TEST(Pty, CarriesBytesBothWaysAndKnowsItsSize) {
  const Pty pty = Pty::open();
  const Fd slave = pty.open_slave();
  pty.resize(24, 80);
  EXPECT_EQ(pty.size().rows, 24);
  EXPECT_EQ(Pty(slave.duplicate()).size().columns, 80);
  write_all(slave, "out\n");
  std::array<char, 16> buffer;
  const std::size_t n = read_some(pty.master(), buffer);
  EXPECT_EQ(std::string_view(buffer.data(), n), "out\r\n");
  write_all(pty.master(), "in\n");
  EXPECT_EQ(std::string_view(buffer.data(), read_some(slave, buffer)), "in\n");
}

}  // namespace
}  // namespace wharf::os
