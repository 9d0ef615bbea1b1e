#include "container/spool.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace wharf::container {
namespace {

TEST(Spool, KeepsTheOrderThroughItsFile) {
  const os::TempDirectory directory;
  Spool spool(directory.path(), 64 << 20);
  std::string put, got;
  for (int i = 0; i < 300'000; ++i) {
    const std::string line = std::to_string(i) + "\n";
    spool.put(line);
    put += line;
    if (i % 3 != 0) continue;
    const std::string_view front = spool.front();
    got += front.substr(0, 5);
    spool.take(std::min<std::size_t>(5, front.size()));
  }
  while (!spool.empty()) {
    const std::string_view front = spool.front();
    got += front;
    spool.take(front.size());
  }
  EXPECT_EQ(got, put);
}

TEST(Spool, RefusesMoreThanItsLimit) {
  const os::TempDirectory directory;
  Spool spool(directory.path(), 100);
  spool.put(std::string(100, 'x'));
  EXPECT_THROW(spool.put("y"), base::Error);
}

}  // namespace
}  // namespace wharf::container
