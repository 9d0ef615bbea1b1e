#include "base/time.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace wharf::base {
namespace {

TEST(Time, DatesThatDoNotExistAreRefused) {
  for (const char* text : {"2261-99-99T99:99:99Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
                           "2026-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-00T00:00:00Z",
                           "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z",
                           "2026-01-01T00:00:00+99:00", "2026-01-01T00:00:00+00:99"}) {
    EXPECT_THROW(parse_rfc3339(text), Error) << text;
  }
  EXPECT_EQ(parse_rfc3339("2024-02-29T23:59:59.5Z").unix_ns, 1'709'251'199'500'000'000);
  EXPECT_EQ(parse_rfc3339("2261-12-31T23:59:59-24:60").unix_ns, 9'214'736'399'000'000'000);
  EXPECT_TRUE(parse_rfc3339("0001-01-01T00:00:00Z").is_zero());
}

TEST(Time, DurationsAreNumbersWithUnitsAndNothingElse) {
  EXPECT_EQ(parse_duration_ns("1h1.5m.5s"), 3'690'500'000'000);
  EXPECT_EQ(parse_duration_ns("-2us"), -2000);
  for (const char* text :
       {"nans", "infs", "-nanns", "1e3s", "s", "1", "--1s", "1s-1s", "9999999999999h"}) {
    EXPECT_THROW(parse_duration_ns(text), Error) << text;
  }
}

}  // namespace
}  // namespace wharf::base
