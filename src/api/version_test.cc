#include "api/version.h"

#include <gtest/gtest.h>

namespace wharf::api {
namespace {

TEST(Version, IsReadAsNumbersHoweverItIsWritten) {
  EXPECT_EQ(Version::parse("1.51"), (Version{1, 51}));
  EXPECT_EQ(Version::parse("01.51"), (Version{1, 51}));
  EXPECT_EQ(Version::parse("1."), (Version{1, 0}));
  EXPECT_EQ(Version::parse("1"), (Version{1, 0}));
  EXPECT_EQ(Version::parse("..."), (Version{0, 0}));
  EXPECT_EQ(Version::parse("1.51.9"), (Version{1, 51}));
  EXPECT_GT(Version::parse("1.99999999999999999999"), kMaximum);
}

TEST(Version, OrdersByNumberAndNotByText) {
  EXPECT_LT(Version::parse("1.9"), Version::parse("1.24"));
  EXPECT_LT(Version::parse("1.51"), Version::parse("2.0"));
}

}  // namespace
}  // namespace wharf::api
