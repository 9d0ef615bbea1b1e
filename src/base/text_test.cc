#include "base/text.h"

#include <gtest/gtest.h>

namespace wharf::base {
namespace {

template <class... Values>
std::string put(const Values&... values) {
  return std::string(Text<200>(values...).view());
}

TEST(Text, NumbersAreWrittenInTheirBase) {
  EXPECT_EQ(put(0, " ", -1, " ", INT64_MIN, " ", UINT64_MAX),
            "0 -1 -9223372036854775808 18446744073709551615");
  EXPECT_EQ(put(Octal{0755}, " ", Hex{0xbeef}), "755 beef");
}

TEST(Text, WhatDoesNotFitIsCutAndSaidSo) {
  Text<5> text("abc");
  EXPECT_FALSE(text.truncated());
  text.put("def");
  EXPECT_EQ(text.view(), "abcde");
  EXPECT_TRUE(text.truncated());
  EXPECT_EQ(text.c_str()[5], '\0');
}

TEST(Text, QuotedIsAJsonString) {
  EXPECT_EQ(put(Quoted{"a\"b\\c\n\x01"}), R"("a\"b\\c\n\u0001")");
}

TEST(Text, TimesAreRfc3339WithoutTrailingZeros) {
  EXPECT_EQ(put(Rfc3339{0}), "1970-01-01T00:00:00Z");
  EXPECT_EQ(put(Rfc3339{1'709'210'096'123'456'700}), "2024-02-29T12:34:56.1234567Z");
  EXPECT_EQ(put(Rfc3339{-1}), "1969-12-31T23:59:59.999999999Z");
  EXPECT_EQ(put(Rfc3339{951'782'400'000'000'000}), "2000-02-29T00:00:00Z");
  EXPECT_EQ(put(Rfc3339{4'107'542'400'500'000'000}), "2100-03-01T00:00:00.5Z");
}

TEST(Text, NumbersAreReadStrictly) {
  std::int64_t number = 0;
  EXPECT_TRUE(parse_number("-9223372036854775808", number));
  EXPECT_EQ(number, INT64_MIN);
  for (const char* bad : {"", "-", "+1", " 1", "1 ", "0x1", "9223372036854775808"}) {
    EXPECT_FALSE(parse_number(bad, number)) << bad;
  }
  std::uint64_t large = 0;
  EXPECT_TRUE(parse_number("18446744073709551615", large));
  EXPECT_FALSE(parse_number("18446744073709551616", large));
}

}  // namespace
}  // namespace wharf::base
