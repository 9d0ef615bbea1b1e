// Tables, units, JSON text, progress, frames, detach keys: what is shown and read back.
#include <gtest/gtest.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/detach_keys.h"
#include "cli/flags.h"
#include "cli/json_text.h"
#include "cli/progress.h"
#include "cli/rows.h"
#include "cli/stdcopy.h"
#include "cli/table.h"
#include "cli/units.h"

namespace wharf::cli {
namespace {

TEST(Table, ColumnsAreAtLeastTenWideWithThreeSpacesBetween) {
  EXPECT_EQ(aligned("A\tLONG TITLE HERE\tC\nx\ty\tz\n"),
            "A         LONG TITLE HERE   C\nx         y                 z\n");
}

TEST(Table, WideCharactersCountTwice) {
  EXPECT_EQ(display_width("日本"), 4u);
  EXPECT_EQ(display_width("é"), 1u);
  EXPECT_EQ(ellipsis("sleep 1000000000000000", 20), "sleep 1000000000000…");
}

TEST(Units, AreDockers) {
  EXPECT_EQ(human_size(1984303), "1.98MB");
  EXPECT_EQ(human_size4(1984303), "1.984MB");
  EXPECT_EQ(human_size(0), "0B");
  EXPECT_EQ(human_bytes(25276391424.0), "23.54GiB");
  EXPECT_EQ(human_duration(0), "Less than a second");
  EXPECT_EQ(human_duration(90'000'000'000), "About a minute");
  EXPECT_EQ(human_duration(7200'000'000'000), "2 hours");
  EXPECT_EQ(parse_memory("1.5g"), 1610612736);
  EXPECT_EQ(parse_memory("64MiB"), 64 << 20);
  EXPECT_EQ(parse_memory("5 k"), 5 << 10);
  EXPECT_THROW(parse_memory("5q"), UsageError);
  EXPECT_THROW(parse_memory("-5"), UsageError);
  EXPECT_THROW(parse_duration("5"), UsageError);
}

TEST(JsonText, KeepsNumbersAndOrder) {
  EXPECT_EQ(indented_array({R"({"b":1e3,"a":{},"c":[1,"x{\"y"]})"}),
            "[\n    {\n        \"b\": 1e3,\n        \"a\": {},\n        \"c\": [\n            1,\n"
            "            \"x{\\\"y\"\n        ]\n    }\n]\n");
  EXPECT_EQ(indented_array({}), "[]\n");
}

TEST(Ports, CollapseIntoRanges) {
  const base::Json ports = base::parse_json(
      R"([{"IP":"0.0.0.0","PrivatePort":81,"PublicPort":81,"Type":"tcp"},
          {"IP":"0.0.0.0","PrivatePort":80,"PublicPort":80,"Type":"tcp"},
          {"IP":"::","PrivatePort":90,"PublicPort":9090,"Type":"udp"},
          {"PrivatePort":5,"Type":"tcp"}])");
  EXPECT_EQ(port_column(ports.as_array()), "5/tcp, 0.0.0.0:80-81->80-81/tcp, [::]:9090->90/udp");
}

TEST(Filters, AreSentAsSets) {
  EXPECT_EQ(filters_json({"status=running", "name=b", "name=a"}),
            R"({"name":{"a":true,"b":true},"status":{"running":true}})");
  EXPECT_EQ(checked_filter("Name = x "), "name=x");
  EXPECT_THROW(checked_filter("bad"), UsageError);
}

std::string shown(std::size_t columns, const std::vector<const char*>& messages) {
  std::string out;
  ProgressDisplay display([&](std::string_view text) { out += text; }, columns);
  for (const char* each : messages) display.show(base::parse_json(each).as_object());
  return out;
}

TEST(Progress, WithoutATerminalIsALinePerStatusAndNoBars) {
  EXPECT_EQ(
      shown(0, {R"({"status":"Pulling from a","id":"latest"})",
                R"({"status":"Downloading","progressDetail":{"current":5,"total":10},"id":"x"})",
                R"({"status":"Pull complete","progressDetail":{},"id":"x"})",
                R"({"stream":"Loaded image: a\n"})"}),
      "latest: Pulling from a\nx: Pull complete\nLoaded image: a\n");
}

TEST(Progress, OnATerminalRewritesTheLineOfItsLayer) {
  EXPECT_EQ(shown(80, {R"({"status":"Waiting","progressDetail":{},"id":"a"})",
                       R"({"status":"Waiting","progressDetail":{},"id":"b"})",
                       R"({"status":"Done","progressDetail":{},"id":"a"})"}),
            "\n\x1b[1A\x1b[2K\ra: Waiting\r\x1b[1B\n\x1b[1A\x1b[2K\rb: Waiting\r\x1b[1B"
            "\x1b[2A\x1b[2K\ra: Done\r\x1b[2B");
}

TEST(Progress, AnErrorInTheStreamEndsWithItsWords) {
  try {
    shown(0, {R"({"errorDetail":{"message":"no such host"},"error":"no such host"})"});
    FAIL();
  } catch (const Exit& exit) {
    EXPECT_STREQ(exit.what(), "no such host");
    EXPECT_EQ(exit.status(), 1);
  }
}

TEST(Progress, BarsShowSharesAndSizes) {
  const base::Json detail = base::parse_json(R"({"current":500000,"total":1000000})");
  EXPECT_EQ(progress_bar(detail.as_object(), 200),
            "[" + std::string(25, '=') + ">" + std::string(25, ' ') + "]    500kB/1MB");
  EXPECT_EQ(progress_bar(detail.as_object(), 80), "   500kB/1MB");
}

std::string frame(char stream, const std::string& payload) {
  std::string head(8, '\0');
  head[0] = stream;
  head[7] = static_cast<char>(payload.size());
  return head + payload;
}

TEST(Stdcopy, FramesMayBeCutAnywhere) {
  const std::string bytes = frame(1, "out") + frame(2, "error") + frame(1, "") + frame(1, "!");
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    std::string out;
    std::string error;
    StdcopyReader reader;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      reader.feed(std::string_view(bytes).substr(at, piece),
                  [&](StdcopyReader::Stream which, std::string_view text) {
                    (which == StdcopyReader::Stream::Error ? error : out) += text;
                  });
    }
    EXPECT_EQ(out, "out!");
    EXPECT_EQ(error, "error");
    EXPECT_TRUE(reader.complete());
  }
}

TEST(Stdcopy, BadFramesAndTheDaemonsOwnErrorsThrow) {
  const auto ignore = [](StdcopyReader::Stream, std::string_view) {};
  StdcopyReader unknown;
  EXPECT_THROW(unknown.feed(frame(9, "x"), ignore), base::Error);
  StdcopyReader failed;
  EXPECT_THROW(failed.feed(frame(3, "broken"), ignore), base::Error);
}

TEST(DetachKeys, AreRecognisedAcrossReads) {
  DetachWatch watch(parse_detach_keys("ctrl-p,ctrl-q"));
  EXPECT_EQ(watch.filter("ab\x10"), "ab");
  EXPECT_EQ(watch.filter("c\x10\x10"),
            "\x10"
            "c\x10");
  EXPECT_FALSE(watch.detached());
  EXPECT_EQ(watch.filter("\x11zzz"), "");
  EXPECT_TRUE(watch.detached());
}

TEST(DetachKeys, AreParsedFromNames) {
  EXPECT_EQ(parse_detach_keys("ctrl-a,x,ctrl-["), "\x01x\x1b");
  EXPECT_THROW(parse_detach_keys("ctrl-A"), base::Error);
  EXPECT_THROW(parse_detach_keys("foo"), base::Error);
}

}  // namespace
}  // namespace wharf::cli
