#include "archive/tar_reader.h"

#include <gtest/gtest.h>

#include "archive/test_archives.h"
#include "base/error.h"

namespace wharf::archive {
namespace {

using namespace testing;

std::vector<Entry> read(std::string_view bytes, const Limits& limits = {}) {
  MemorySource source(bytes);
  TarReader tar(source, limits);
  std::vector<Entry> entries;
  Entry entry;
  while (tar.next(entry)) entries.push_back(entry);
  return entries;
}

/// The refusal's text, or "" where the archive is accepted.
std::string refusal(std::string_view bytes, const Limits& limits = {}) {
  try {
    read(bytes, limits);
  } catch (const base::Error& error) {
    return error.what();
  }
  return {};
}

std::string pax(std::string_view payload) {
  return raw_header("pax", 'x', fmt::format("{:011o}", payload.size())) +
         padded(std::string(payload));
}

std::string gnu_long(char flag, std::string_view text) {
  return raw_header("././@LongLink", flag, fmt::format("{:011o}", text.size())) +
         padded(std::string(text));
}

TEST(TarReader, ReadsWhatTheWriterWrote) {
  Item item = file("some/file", "hello");
  item.entry.mode = 04755;
  item.entry.uid = 3'000'000;
  item.entry.gid = 12;
  item.entry.mtime_seconds = -5;
  item.entry.mtime_nanoseconds = 250'000'000;
  item.entry.xattrs["user.x"] = std::string("a\0b=\n", 5);
  Item device = of_type(Type::CharDevice, "dev/null");
  device.entry.major = 1;
  device.entry.minor = 3;
  const std::vector<Item> items = {item,
                                   device,
                                   dir(std::string(300, 'd')),
                                   link("l", std::string(200, 't')),
                                   hard("h", "some/file"),
                                   of_type(Type::Fifo, "p\xc3\xa4th")};
  const std::vector<Entry> entries = read(tar(items));
  ASSERT_EQ(entries.size(), items.size());
  EXPECT_EQ(entries[0].uid, 3'000'000U);
  EXPECT_EQ(entries[0].mode, 04755U);
  EXPECT_EQ(entries[0].mtime_seconds, -5);
  EXPECT_EQ(entries[0].mtime_nanoseconds, 250'000'000U);
  EXPECT_EQ(entries[0].xattrs, item.entry.xattrs);
  EXPECT_EQ(entries[0].size, 5U);
  EXPECT_EQ(entries[1].minor, 3U);
  EXPECT_EQ(entries[2].name, std::string(300, 'd') + "/");
  EXPECT_EQ(entries[3].link, std::string(200, 't'));
  EXPECT_EQ(entries[4].type, Type::HardLink);
  EXPECT_EQ(entries[5].name, "p\xc3\xa4th");
}

TEST(TarReader, ReadsGnuLongNamesAndLinks) {
  const std::string name(1000, 'n'), target(900, 't');
  const auto entries = read(gnu_long('L', name + '\0') + gnu_long('K', target + '\0') +
                            raw_header("cut", '2', "00000000000", "cut"));
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].name, name);
  EXPECT_EQ(entries[0].link, target);
}

TEST(TarReader, ReadsBase256Sizes) {
  std::string field(12, '\0');
  field[0] = '\x80';
  field[11] = 4;
  const auto entries = read(raw_header("f", '0', field) + padded("four"));
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].size, 4U);
}

TEST(TarReader, GlobalPaxHeaderGivesOwnersButNoNames) {
  const auto global = [](std::string_view payload) {
    return raw_header("g", 'g', fmt::format("{:011o}", payload.size())) +
           padded(std::string(payload));
  };
  const auto entries = read(global("8 uid=7\n13 comment=x\n") + tar({file("f")}));
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].uid, 7U);
  EXPECT_NE(refusal(global("9 path=x\n") + tar({file("f")})).find("global"), std::string::npos);
}

TEST(TarReader, NameEndingInASlashIsADirectory) {
  const auto entries = read(raw_header("d/", '0', "00000000000"));
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].type, Type::Directory);
}

TEST(TarReader, EndOfArchiveMayBeMissingButNotHalfAFile) {
  EXPECT_EQ(refusal(""), "");
  EXPECT_EQ(refusal(tar({file("f", "x")}, false)), "");
  const std::string whole = tar({file("f", std::string(2000, 'x'))});
  EXPECT_NE(refusal(whole.substr(0, 512 + 100)).find("unexpected EOF"), std::string::npos);
  EXPECT_NE(refusal(whole.substr(0, 100)).find("unexpected EOF"), std::string::npos);
}

TEST(TarReader, EverythingAfterTheEndIsReadAndRecorded) {
  struct Bytes : Record {
    std::string all;
    void raw(std::string_view some) override { all += some; }
  } record;
  const std::string bytes = tar({dir("d")}) + "trailing garbage";
  MemorySource source(bytes);
  TarReader reader(source, {}, &record);
  Entry entry;
  while (reader.next(entry)) continue;
  EXPECT_EQ(record.all, bytes);
}

struct Bad {
  const char* what;
  std::string bytes;
  const char* says;
};

class BadTars : public ::testing::TestWithParam<Bad> {};

TEST_P(BadTars, AreRefusedWithTheReason) {
  const std::string text = refusal(GetParam().bytes);
  EXPECT_NE(text.find(GetParam().says), std::string::npos) << GetParam().what << ": " << text;
}

std::string wrong_checksum() {
  std::string bytes = tar({file("f")});
  bytes[0] = 'g';
  return bytes;
}

std::string with_field(std::size_t offset, std::string_view text, char flag = '0') {
  std::string block = raw_header("f", flag, "00000000000");
  block.replace(offset, text.size(), text);
  block.replace(kChecksum.offset, 6, fmt::format("{:06o}", checksum_of(block)));
  return block;
}

std::string negative_256(std::size_t size) {
  return std::string(size, '\xff');
}

INSTANTIATE_TEST_SUITE_P(
    Threats, BadTars,
    ::testing::Values(
        Bad{"random bytes", std::string(1024, 'r'), "invalid tar header"},
        Bad{"bad checksum", wrong_checksum(), "wrong checksum"},
        Bad{"size then EOF", raw_header("big", '0', "10000000000"), "unexpected EOF"},
        Bad{"negative size", raw_header("neg", '0', negative_256(12)), "negative size"},
        Bad{"size no number", raw_header("n", '0', "12x45678901"), "not an octal number"},
        Bad{"lone zero block", std::string(512, '\0') + tar({file("f")}), "lone block"},
        Bad{"PAX of 4 GiB", raw_header("p", 'x', "40000000000"), "at most 1048576"},
        Bad{"long name of 64 MiB", raw_header("L", 'L', "00400000000"), "at most 1048576"},
        Bad{"PAX malformed", pax("99 path=x\n"), "malformed PAX"},
        Bad{"PAX no key", pax("6 =ab\n\n"), "PAX record"},
        Bad{"PAX twice", pax("9 path=a\n") + pax("9 path=b\n") + tar({file("f")}), "two PAX"},
        Bad{"PAX then end", pax("9 path=a\n"), "unexpected EOF"},
        Bad{"PAX NUL name", pax(std::string("10 path=a\0\n", 11).substr(0, 11)) + tar({file("f")}),
            "PAX"},
        Bad{"PAX and GNU name", pax("9 path=a\n") + gnu_long('L', "b") + tar({file("f")}), "both"},
        Bad{"PAX size lies", pax("10 size=-1\n") + tar({file("f")}), "PAX"},
        Bad{"PAX sparse", pax("22 GNU.sparse.major=1\n") + tar({file("f")}), "sparse"},
        Bad{"directory with size", raw_header("d", '5', "00000001000"), "only files"},
        Bad{"link with size", raw_header("l", '2', "00000001000", "t"), "only files"},
        Bad{"FIFO with size", raw_header("p", '6', "00000001000"), "only files"},
        Bad{"hard link, no target", raw_header("h", '1', "00000000000"), "without a target"},
        Bad{"type V", raw_header("v", 'V', "00000000000"), "type flag"},
        Bad{"type M", raw_header("m", 'M', "00000000000"), "type flag"},
        Bad{"type S", raw_header("s", 'S', "00000000000"), "type flag"},
        Bad{"device too large", with_field(kMajor.offset, "7777777", '3'), "out of range"},
        Bad{"device base-256", with_field(kMinor.offset, negative_256(8), '4'), "out of range"},
        Bad{"uid of -1", with_field(kUid.offset, negative_256(8)), "uid out of range"}));

TEST(TarReader, EntriesBeyondTheLimitAreRefused) {
  Limits limits;
  limits.max_entries = 3;
  EXPECT_EQ(refusal(tar({file("a"), file("b"), file("c")}), limits), "");
  EXPECT_NE(refusal(tar({file("a"), file("b"), file("c"), file("d")}), limits).find("max_entries"),
            std::string::npos);
}

TEST(CleanName, NamesAreTakenAsIfRooted) {
  EXPECT_EQ(clean_name("/etc//./passwd"), "etc/passwd");
  EXPECT_EQ(clean_name("./"), "");
  EXPECT_EQ(clean_name("/"), "");
  EXPECT_EQ(clean_name("a/../b"), "b");
  EXPECT_EQ(clean_name("a/..."), "a/...");
  EXPECT_THROW(clean_name("../x"), base::Error);
  EXPECT_THROW(clean_name("a/../../x"), base::Error);
  EXPECT_THROW(clean_name("/.."), base::Error);
  EXPECT_THROW(clean_name(std::string(5000, 'a')), base::Error);
}

}  // namespace
}  // namespace wharf::archive
