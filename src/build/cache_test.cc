#include "build/cache.h"

#include <gtest/gtest.h>

namespace wharf::build {
namespace {

PruneOptions limits(std::int64_t reserved, std::int64_t max_used, std::int64_t min_free) {
  PruneOptions options;
  options.reserved_bytes = reserved;
  options.max_used_bytes = max_used;
  options.min_free_bytes = min_free;
  options.free_bytes = 100;
  return options;
}

TEST(BytesToKeep, AreNotLimitedWhereNothingSaysSo) {
  EXPECT_EQ(bytes_to_keep(limits(0, 0, 0), 50), std::nullopt);
}

TEST(BytesToKeep, AreAtMostWhatMayBeUsedAndAtLeastWhatIsReserved) {
  EXPECT_EQ(bytes_to_keep(limits(0, 30, 0), 50), 30);
  EXPECT_EQ(bytes_to_keep(limits(20, 0, 0), 50), 20);
  EXPECT_EQ(bytes_to_keep(limits(40, 30, 0), 50), 40);
}

TEST(BytesToKeep, AreFewerByWhatTheDiskLacks) {
  EXPECT_EQ(bytes_to_keep(limits(0, 0, 90), 50), 50);
  EXPECT_EQ(bytes_to_keep(limits(0, 0, 110), 50), 40);
  EXPECT_EQ(bytes_to_keep(limits(0, 30, 130), 50), 20);
  EXPECT_EQ(bytes_to_keep(limits(0, 0, 1000), 50), 0);
  EXPECT_EQ(bytes_to_keep(limits(10, 0, 1000), 50), 10);
}

}  // namespace
}  // namespace wharf::build
