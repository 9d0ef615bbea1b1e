#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <fstream>

#include "base/strings.h"
#include "logs/files.h"
#include "logs/follower.h"
#include "logs/line.h"
#include "logs/watch.h"
#include "os/file.h"

namespace wharf::logs {
namespace {

std::string shown_text(const Line& line, const Shown& how) {
  std::string text;
  show(line, how, text);
  return text;
}

std::string record(const std::string& text) {
  return R"({"log":")" + text + R"(\n","stream":"stdout","time":"2026-11-21T08:00:00.5Z"})" + "\n";
}

void append(const os::Path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::app) << bytes;
}

std::string rest(LogFiles& files) {
  std::string all;
  while (auto next = files.next()) all += decode(*next)->text;
  return all;
}

TEST(Line, ReadsWhatDockerWrites) {
  const auto line = decode(R"({"log":"a \"b\"\té😀\n","stream":"stderr","attrs":{"k":"v"},)"
                           R"("time":"2026-11-21T08:00:00.123456789Z"})");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->text, "a \"b\"\t\xc3\xa9\xf0\x9f\x98\x80\n");
  EXPECT_EQ(line->stream, "stderr");
  EXPECT_EQ(line->attributes.at("k"), "v");
  EXPECT_EQ(base::rfc3339_nano(line->time), "2026-11-21T08:00:00.123456789Z");
}

TEST(Line, RefusesWhatIsDamaged) {
  for (const char* bad : {"", "{", "{}", "null", R"({"log":"x")", R"({"log":"x\u12"})", "\0\0\0",
                          R"({"log":"x","stream":"stdout","time":"never"})"}) {
    EXPECT_FALSE(decode(bad)) << bad;
  }
}

TEST(Line, IsShownWithTimeDetailsAndFrame) {
  Line line{
      "x\n", "stderr", base::parse_rfc3339("2026-11-21T08:00:00Z"), {{"b", "2 3"}, {"a", "1"}}};
  Shown how;
  how.timestamps = how.details = true;
  EXPECT_EQ(shown_text(line, how), "2026-11-21T08:00:00.000000000Z a=1,b=2+3 x\n");
  Shown framed;
  framed.framed = true;
  EXPECT_EQ(shown_text(line, framed), std::string("\2\0\0\0\0\0\0\2x\n", 10));
}

TEST(LogFiles, ReadRotatedFilesOldestFirstAndTailFromTheEnd) {
  const os::TempDirectory dir;
  append(dir.path() / "l.1", record("a") + record("b"));
  append(dir.path() / "l", record("c") + record("d"));
  const os::Fd fd = os::open_directory(dir.path());
  LogFiles all(fd, "l", 3);
  EXPECT_EQ(rest(all), "a\nb\nc\nd\n");
  for (const auto& [tail, expected] : std::map<std::uint64_t, std::string>{
           {0, ""}, {1, "d\n"}, {2, "c\nd\n"}, {3, "b\nc\nd\n"}, {9, "a\nb\nc\nd\n"}}) {
    LogFiles some(fd, "l", 3);
    some.keep_last(tail);
    EXPECT_EQ(rest(some), expected) << tail;
  }
}

std::string record_at(std::int64_t second, int number) {
  return fmt::format(R"({{"log":"{}\n","stream":"stdout","time":"{}"}})", number,
                     base::rfc3339_nano({second * 1'000'000'000})) +
         "\n";
}

TEST(LogFiles, FindWhatWasLoggedSinceAMomentWithoutReadingWhatIsBeforeIt) {
  const os::TempDirectory dir;
  constexpr int kRecords = 40'000;
  std::string all;
  for (int i = 0; i < kRecords; ++i) all += record_at(1'000'000 + i, i);
  append(dir.path() / "l", all);
  append(dir.path() / "l.1", record_at(999'998, -2) + record_at(999'999, -1));
  append(dir.path() / "l.2.gz", "damaged");
  const os::Fd fd = os::open_directory(dir.path());
  for (const int wanted : {-1, 0, 1, 777, 20'000, kRecords - 1, kRecords}) {
    LogFiles files(fd, "l", 3);
    const base::Time since{(1'000'000 + wanted) * 1'000'000'000LL};
    files.keep_since(since);
    EXPECT_LT(files.unread_bytes(), all.size() / kRecords * (kRecords - wanted) + (128 << 10));
    int first = kRecords;
    while (const auto next = files.next()) {
      const auto line = decode(*next);
      if (line->time < since) continue;
      first = std::stoi(line->text);
      break;
    }
    EXPECT_EQ(first, wanted);
  }
}

TEST(LogFiles, LeaveAPieceOfALongLineOutOfTheSearchByTime) {
  const os::TempDirectory dir;
  std::string all;
  for (int i = 0; i < 20'000; ++i) all += record_at(i % 3 == 0 ? 1 : 1'000'000 + i, i);
  append(dir.path() / "l", all);
  LogFiles files(os::open_directory(dir.path()), "l", 1);
  const base::Time since{1'010'000 * 1'000'000'000LL};
  files.keep_since(since);
  int seen = 0;
  while (const auto next = files.next()) seen += decode(*next)->time >= since ? 1 : 0;
  EXPECT_EQ(seen, 6'667);
}

TEST(LogFiles, WithoutAFileHaveNoRecords) {
  const os::TempDirectory dir;
  LogFiles none(os::open_directory(dir.path()), "l", 3);
  none.keep_last(5);
  EXPECT_FALSE(none.next());
}

TEST(LogFiles, UnpackCompressedOnes) {
  const os::TempDirectory dir;
  // gzip of record("old").
  append(dir.path() / "l.1.gz",
         base::base64_decode(
             "H4sIAAAAAAACA6tWyslPV7JSys9JiclT0lEqLilKTcwFChSXpOSXlgBFSjJzU4F8IwMjM11DQ10j"
             "wxADCysDAyDSM41SquUCAMGJT5FCAAAA"));
  append(dir.path() / "l", record("new"));
  LogFiles all(os::open_directory(dir.path()), "l", 3);
  EXPECT_EQ(rest(all), "old\nnew\n");
}

/// As the supervisor writes one: {source: "stdout", time_nano: second * 10^9, line: text}.
std::string entry(const std::string& text, unsigned char second, const std::string& more = "") {
  std::string body = "\x0a\x06stdout\x10";
  for (std::uint64_t ns = second * 1'000'000'000ULL; ns != 0; ns >>= 7)
    body += static_cast<char>((ns & 0x7f) | (ns >= 0x80 ? 0x80 : 0));
  body += std::string("\x1a") + static_cast<char>(text.size()) + text + more;
  const std::string length = {0, 0, 0, static_cast<char>(body.size())};
  return length + body + length;
}

std::string local_text(LogFiles& files) {
  std::string all;
  Line line;
  while (const auto next = files.next()) {
    if (decode(*next, Format::Local, line)) all += line.text;
  }
  return all;
}

TEST(LogFiles, ReadTheLocalFormatFromAnyPlace) {
  const os::TempDirectory dir;
  append(dir.path() / "l.1", entry("a", 1) + entry("b", 2));
  append(dir.path() / "l", entry("c", 3) + entry("piece ", 4, std::string("\x20\x01", 2)) +
                               entry("end", 4, std::string("\x20\x01\x2a\x02\x08\x01", 6)));
  const os::Fd fd = os::open_directory(dir.path());
  for (const auto& [tail, expected] :
       std::map<std::uint64_t, std::string>{{0, ""},
                                            {1, "end\n"},
                                            {2, "piece end\n"},
                                            {4, "b\nc\npiece end\n"},
                                            {9, "a\nb\nc\npiece end\n"}}) {
    LogFiles some(fd, "l", 3, Format::Local);
    some.keep_last(tail);
    EXPECT_EQ(local_text(some), expected) << tail;
  }
  LogFiles later(fd, "l", 3, Format::Local);
  later.keep_since({3'000'000'000});
  EXPECT_EQ(local_text(later), "c\npiece end\n");
}

TEST(LogFiles, EndWhereLengthsDoNotAgreeAndGoOnWithTheNextFile) {
  const os::TempDirectory dir;
  std::string damaged = entry("b", 2);
  damaged.back() = 9;
  append(dir.path() / "l.2", entry("a", 1) + damaged + entry("lost", 2));
  append(dir.path() / "l.1", std::string("\xff\xff\xff\xff garbage"));
  append(dir.path() / "l", entry("c", 3) + entry("d", 3).substr(0, 9));
  const os::Fd fd = os::open_directory(dir.path());
  LogFiles all(fd, "l", 3, Format::Local);
  EXPECT_EQ(local_text(all), "a\nc\n");
  LogFiles some(fd, "l", 3, Format::Local);
  some.keep_last(1);
  EXPECT_EQ(local_text(some), "c\n");
  LogFiles two(fd, "l", 3, Format::Local);
  two.keep_last(2);
  EXPECT_EQ(local_text(two), "lost\nc\n");
}

TEST(RecordReader, SkipsARecordThatIsTooLong) {
  const os::TempDirectory dir;
  append(dir.path() / "l", std::string(kRecordLimit * 2, 'x') + "\n" + record("after"));
  LogFiles all(os::open_directory(dir.path()), "l", 1);
  EXPECT_EQ(rest(all), "after\n");
}

TEST(Follower, SeesLinesAsTheyComeThroughRotationAndEndsWithTheContainer) {
  const os::TempDirectory dir;
  const os::Fd fd = os::open_directory(dir.path());
  const os::Fd ended(::eventfd(0, EFD_CLOEXEC));
  Watch watch;
  auto changes = watch.on(dir.path());
  std::jthread writer([&] {
    append(dir.path() / "l", record("1"));
    ::usleep(20'000);
    append(dir.path() / "l", record("2"));
    std::filesystem::rename(dir.path() / "l", dir.path() / "l.1");
    append(dir.path() / "l", record("3"));
    ::usleep(20'000);
    append(dir.path() / "l", record("4"));
    const std::uint64_t one = 1;
    ASSERT_EQ(::write(ended.get(), &one, 8), 8);
  });
  Follower follower(fd, "l", std::nullopt, changes);
  std::string seen;
  while (auto next = follower.next(ended, {})) seen += decode(*next)->text;
  EXPECT_EQ(seen, "1\n2\n3\n4\n");
}

TEST(Follower, EndsWhenItsClientLeaves) {
  const os::TempDirectory dir;
  const os::Fd fd = os::open_directory(dir.path());
  const os::Fd ended(::eventfd(0, EFD_CLOEXEC));
  Watch watch;
  auto changes = watch.on(dir.path());
  std::stop_source source;
  std::jthread leaver([&] {
    ::usleep(20'000);
    source.request_stop();
  });
  Follower follower(fd, "l", std::nullopt, changes);
  EXPECT_FALSE(follower.next(ended, source.get_token()));
}

}  // namespace
}  // namespace wharf::logs
