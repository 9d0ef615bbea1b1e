#include "supervise/logfile_record.h"

#include <gtest/gtest.h>

#include <string>

namespace wharf::supervise {
namespace {

std::string escaped(std::string_view text) {
  std::string out(record_limit(text.size(), 0), '\0');
  out.resize(static_cast<std::size_t>(write_escaped(out.data(), text) - out.data()));
  return out;
}

std::string time_text(std::int64_t unix_ns) {
  TimeText writer;
  std::string out(40, '\0');
  out.resize(static_cast<std::size_t>(writer.write(out.data(), unix_ns) - out.data()));
  return out;
}

std::string written(const Record& record) {
  TimeText times;
  std::string out(record_limit(record.text.size(), record.attrs.size()), '\0');
  out.resize(static_cast<std::size_t>(write_record(out.data(), record, times) - out.data()));
  return out;
}

TEST(LogRecord, HasDockersOrderOfFieldsAndLineFeedInsideTheText) {
  EXPECT_EQ(written({"hello", true, "stdout", "", 1'763'712'000'100'000'000}),
            "{\"log\":\"hello\\n\",\"stream\":\"stdout\",\"time\":\"2025-11-21T08:00:00.1Z\"}\n");
}

TEST(LogRecord, PutsAttributesBeforeTheTime) {
  EXPECT_EQ(written({"x", false, "stderr", "{\"k\":\"v\"}", 0}),
            "{\"log\":\"x\",\"stream\":\"stderr\",\"attrs\":{\"k\":\"v\"},"
            "\"time\":\"1970-01-01T00:00:00Z\"}\n");
}

TEST(LogRecord, EscapesAsGosJsonlogDoes) {
  EXPECT_EQ(escaped("a\"b\\c"), "a\\\"b\\\\c");
  EXPECT_EQ(escaped("\r\n\t\x1b"), "\\r\\n\\u0009\\u001b");
  EXPECT_EQ(escaped("<a & b>"), "\\u003ca \\u0026 b\\u003e");
  EXPECT_EQ(escaped("\xe2\x80\xa8\xe2\x80\xa9"), "\\u2028\\u2029");
  EXPECT_EQ(escaped(std::string_view("\0\x7f", 2)), "\\u0000\x7f");
}

TEST(LogRecord, KeepsValidUtf8AndReplacesEachBadByte) {
  EXPECT_EQ(escaped("grüße €𝄞"), "grüße €𝄞");
  EXPECT_EQ(escaped("\xff"), "\\ufffd");
  EXPECT_EQ(escaped("a\xc3"), "a\\ufffd");
  EXPECT_EQ(escaped("\xc0\x80"), "\\ufffd\\ufffd");             // overlong
  EXPECT_EQ(escaped("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd");  // surrogate
  EXPECT_EQ(escaped("\xf4\x90\x80\x80"), "\\ufffd\\ufffd\\ufffd\\ufffd");
  EXPECT_EQ(escaped("\xe2\x82x"), "\\ufffd\\ufffdx");
}

TEST(LogRecord, NeverNeedsMoreThanItsLimit) {
  for (const char byte : {'\x01', '\xff', '<', 'a'}) {
    const std::string text(kPieceBytes, byte);
    EXPECT_LE(written({text, true, "stdout", "", 1}).size(), record_limit(text.size(), 0));
  }
}

TEST(LogTime, CutsTrailingZerosOfTheFraction) {
  EXPECT_EQ(time_text(1'000'000'001), "1970-01-01T00:00:01.000000001Z");
  EXPECT_EQ(time_text(1'123'456'780), "1970-01-01T00:00:01.12345678Z");
  EXPECT_EQ(time_text(2'000'000'000), "1970-01-01T00:00:02Z");
}

TEST(LogTime, KnowsLeapDaysAndYearEnds) {
  EXPECT_EQ(time_text(951'782'399'000'000'000), "2000-02-28T23:59:59Z");
  EXPECT_EQ(time_text(951'782'400'000'000'000), "2000-02-29T00:00:00Z");
  EXPECT_EQ(time_text(4'102'444'799'000'000'000), "2099-12-31T23:59:59Z");
  EXPECT_EQ(time_text(1'709'251'199'500'000'000), "2024-02-29T23:59:59.5Z");
}

}  // namespace
}  // namespace wharf::supervise
