#include "supervise/logfile.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "base/json.h"
#include "os/file.h"

namespace wharf::supervise {
namespace {

class LogFileTest : public testing::Test {
 protected:
  LogFileOptions options() {
    LogFileOptions chosen;
    chosen.directory = directory_.get();
    chosen.name = "c-json.log";
    return chosen;
  }

  std::string file(const std::string& name) const {
    return os::read_file_if_exists(temp_.path() / name, 64 << 20).value_or("(absent)");
  }

  /// The "log" members of a file, in order.
  std::vector<std::string> texts(const std::string& name = "c-json.log") const {
    std::vector<std::string> out;
    std::istringstream lines(file(name));
    for (std::string line; std::getline(lines, line);) {
      const base::Json json = base::parse_json(line);
      out.emplace_back(base::text_at(json.get_object(), "log"));
    }
    return out;
  }

  os::TempDirectory temp_;
  os::Fd directory_ = os::open_file(temp_.path(), O_RDONLY | O_DIRECTORY);
  std::unique_ptr<LogFile> log_ = std::make_unique<LogFile>();
};

using Texts = std::vector<std::string>;

TEST_F(LogFileTest, WritesWholeLinesAtOnceAndTheRestAtTheEnd) {
  ASSERT_TRUE(log_->open(options()));
  log_->take(Output::Stdout, "one\ntw");
  EXPECT_EQ(texts(), Texts({"one\n"}));
  log_->take(Output::Stderr, "err\n");
  log_->take(Output::Stdout, "o\nthree");
  EXPECT_EQ(texts(), Texts({"one\n", "err\n", "two\n"}));
  log_->finish();
  EXPECT_EQ(texts(), Texts({"one\n", "err\n", "two\n", "three"}));
}

TEST_F(LogFileTest, CutsLongLinesIntoPiecesOfSixteenKibWithOneTime) {
  ASSERT_TRUE(log_->open(options()));
  const std::string line(2 * kPieceBytes + 10, 'x');
  log_->take(Output::Stdout, line.substr(0, 5000));
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  log_->take(Output::Stdout, line.substr(5000, 20000));
  log_->take(Output::Stdout, line.substr(25000) + "\nnext\n");
  EXPECT_EQ(texts(), Texts({std::string(kPieceBytes, 'x'), std::string(kPieceBytes, 'x'),
                            std::string(10, 'x') + "\n", "next\n"}));
  std::istringstream lines(file("c-json.log"));
  std::vector<std::string> times;
  for (std::string each; std::getline(lines, each);)
    times.emplace_back(base::text_at(base::parse_json(each).get_object(), "time"));
  EXPECT_EQ(times[0], times[1]);
  EXPECT_EQ(times[0], times[2]);
  EXPECT_NE(times[0], times[3]);
}

TEST_F(LogFileTest, ALineOfExactlyOnePieceIsFollowedByAnEmptyOne) {
  ASSERT_TRUE(log_->open(options()));
  log_->take(Output::Stdout, std::string(kPieceBytes, 'y') + "\n");
  EXPECT_EQ(texts(), Texts({std::string(kPieceBytes, 'y'), "\n"}));
}

TEST_F(LogFileTest, ChunksOfAnySizeGiveTheSameLines) {
  std::string input;
  for (int i = 0; i < 300; ++i)
    input += std::string(static_cast<std::size_t>(i * 7 % 400), 'a') + "\n";
  input += std::string(40000, 'b') + "\nend";
  std::optional<Texts> expected;
  for (const std::size_t step : {1u, 3u, 1000u, 16384u, 16385u, 65536u}) {
    ::unlinkat(directory_.get(), "c-json.log", 0);
    auto log = std::make_unique<LogFile>();
    ASSERT_TRUE(log->open(options()));
    for (std::size_t at = 0; at < input.size(); at += step)
      log->take(Output::Stdout, std::string_view(input).substr(at, step));
    log->finish();
    if (!expected) expected = texts();
    EXPECT_EQ(texts(), *expected) << step;
  }
}

TEST_F(LogFileTest, TurnsFilesOverByRenamingAndKeepsMaxFiles) {
  LogFileOptions chosen = options();
  chosen.max_size = 200;
  chosen.max_files = 3;
  ASSERT_TRUE(log_->open(chosen));
  // Three records of some 75 bytes fill a file past 200.
  for (int i = 0; i < 12; ++i) log_->take(Output::Stdout, "l" + std::to_string(i) + "\n");
  EXPECT_EQ(texts(), Texts({"l9\n", "l10\n", "l11\n"}));
  EXPECT_EQ(texts("c-json.log.1"), Texts({"l6\n", "l7\n", "l8\n"}));
  EXPECT_EQ(texts("c-json.log.2"), Texts({"l3\n", "l4\n", "l5\n"}));
  EXPECT_EQ(file("c-json.log.3"), "(absent)");
  EXPECT_EQ(log_->rotations(), 3u);
}

TEST_F(LogFileTest, TurnsOverInsideOneLargeChunk) {
  LogFileOptions chosen = options();
  chosen.max_size = 10'000;
  chosen.max_files = 2;
  ASSERT_TRUE(log_->open(chosen));
  std::string chunk;
  for (int i = 0; i < 2000; ++i) chunk += "line\n";
  log_->take(Output::Stdout, chunk);
  EXPECT_LT(file("c-json.log").size(), 10'200u);
  EXPECT_LT(file("c-json.log.1").size(), 10'200u);
  EXPECT_GE(file("c-json.log.1").size(), 10'000u);
  EXPECT_GT(log_->rotations(), 10u);
}

TEST_F(LogFileTest, StartsTheOnlyFileAnewWhenThereMayBeOnlyOne) {
  LogFileOptions chosen = options();
  chosen.max_size = 100;
  ASSERT_TRUE(log_->open(chosen));
  for (int i = 0; i < 5; ++i) log_->take(Output::Stdout, "l" + std::to_string(i) + "\n");
  EXPECT_EQ(texts(), Texts({"l4\n"}));
  EXPECT_EQ(file("c-json.log.1"), "(absent)");
}

TEST_F(LogFileTest, RemovesARecordThatACrashCutShort) {
  std::ofstream(temp_.path() / "c-json.log") << "{\"log\":\"a\\n\"}\n{\"log\":\"half";
  ASSERT_TRUE(log_->open(options()));
  log_->take(Output::Stdout, "b\n");
  EXPECT_EQ(texts(), Texts({"a\n", "b\n"}));
}

TEST_F(LogFileTest, FollowsAFileThatAnotherProgramRenamed) {
  ASSERT_TRUE(log_->open(options()));
  log_->take(Output::Stdout, "before\n");
  std::filesystem::rename(temp_.path() / "c-json.log", temp_.path() / "old");
  ASSERT_TRUE(log_->reopen());
  log_->take(Output::Stdout, "after\n");
  EXPECT_EQ(texts("old"), Texts({"before\n"}));
  EXPECT_EQ(texts(), Texts({"after\n"}));
}

TEST_F(LogFileTest, CompressedFilesTakeTheirPlaceAlsoAfterFurtherRotations) {
  LogFileOptions chosen = options();
  chosen.max_size = 60;
  chosen.max_files = 4;
  chosen.compress = true;
  ASSERT_TRUE(log_->open(chosen));
  log_->take(Output::Stdout, "a\nb\n");
  ASSERT_EQ(log_->rotations(), 1u);
  int from = -1, into = -1;
  ASSERT_TRUE(log_->open_for_compression(1, from, into));
  const os::Fd source(from), target(into);
  os::write_all(target, "packed");
  log_->take(Output::Stdout, "c\n");
  log_->compressed(1, true);
  EXPECT_EQ(file("c-json.log.2.gz"), "packed");
  EXPECT_EQ(file("c-json.log.2"), "(absent)");
  EXPECT_EQ(texts("c-json.log.1"), Texts({"b\n"}));
  log_->take(Output::Stdout, "d\n");
  EXPECT_EQ(file("c-json.log.3.gz"), "packed");
  log_->take(Output::Stdout, "e\n");
  EXPECT_EQ(file("c-json.log.3.gz"), "(absent)");
}

/// The records of a local log, by the lengths before them; those after them must agree.
std::vector<std::string> entries(std::string_view file) {
  std::vector<std::string> found;
  while (file.size() >= 8) {
    const std::uint32_t length = local_length(file.data());
    found.emplace_back(file.substr(4, length));
    EXPECT_EQ(local_length(file.data() + 4 + length), length);
    file.remove_prefix(length + 8);
  }
  EXPECT_EQ(file, "");
  return found;
}

TEST_F(LogFileTest, WritesTheEntriesOfTheLocalDriverWithALengthOnBothSides) {
  LogFileOptions chosen = options();
  chosen.format = LogFormat::Local;
  ASSERT_TRUE(log_->open(chosen));
  log_->take(Output::Stderr, "one\n\n");
  log_->take(Output::Stdout, std::string(kPieceBytes, 'x') + "y\nend");
  log_->finish();
  const auto found = entries(file("c-json.log"));
  ASSERT_EQ(found.size(), 5u);
  EXPECT_TRUE(found[0].starts_with("\x0a\x06stderr\x10"));
  EXPECT_TRUE(found[0].ends_with("\x1a\x03one"));
  EXPECT_EQ(found[1].find('\x1a'), std::string::npos);
  // partial, and its metadata: last is only in the last piece, the id in both, and the ordinal.
  const std::string id = found[2].substr(found[2].size() - 66, 64);
  EXPECT_TRUE(found[2].ends_with("x\x20\x01\x2a\x44\x12\x40" + id + "\x18\x01"));
  EXPECT_TRUE(found[3].ends_with("y\x20\x01\x2a\x46\x08\x01\x12\x40" + id + "\x18\x02"));
  EXPECT_TRUE(found[4].find("end\x20\x01\x2a\x44\x12\x40") != std::string::npos);
  EXPECT_EQ(found[4].find(id), std::string::npos);
}

TEST_F(LogFileTest, RemovesAnEntryThatACrashCutShort) {
  LogFileOptions chosen = options();
  chosen.format = LogFormat::Local;
  ASSERT_TRUE(log_->open(chosen));
  for (int i = 0; i < 9000; ++i)
    log_->take(Output::Stdout, "some line " + std::to_string(i) + "\n");
  const std::string whole = file("c-json.log");
  for (const std::size_t torn : {1u, 5u, 20u}) {
    std::ofstream(temp_.path() / "c-json.log", std::ios::app) << whole.substr(0, torn);
    log_ = std::make_unique<LogFile>();
    ASSERT_TRUE(log_->open(chosen));
    EXPECT_TRUE(file("c-json.log") == whole) << torn;
  }
}

TEST_F(LogFileTest, EveryRotationThatIsKeptWaitsForItsCompressionAndNoOther) {
  LogFileOptions chosen = options();
  chosen.max_size = 60;
  chosen.max_files = 4;
  chosen.compress = true;
  ASSERT_TRUE(log_->open(chosen));
  EXPECT_EQ(log_->next_to_compress(0), 0u);
  for (int i = 0; i < 7; ++i) log_->take(Output::Stdout, "l" + std::to_string(i) + "\n");
  ASSERT_EQ(log_->rotations(), 6u);
  // Three are kept; rotations 1 to 3 were turned out.
  EXPECT_EQ(log_->next_to_compress(0), 4u);
  EXPECT_EQ(log_->next_to_compress(4), 5u);
  EXPECT_EQ(log_->next_to_compress(5), 6u);
  EXPECT_EQ(log_->next_to_compress(6), 0u);
}

TEST_F(LogFileTest, WhatAnEarlierRunLeftPlainIsCompressed) {
  LogFileOptions chosen = options();
  chosen.max_size = 60;
  chosen.max_files = 4;
  chosen.compress = true;
  for (const char* left : {".1", ".2.gz", ".3"})
    std::ofstream(temp_.path() / ("c-json.log" + std::string(left))) << left;
  ASSERT_TRUE(log_->open(chosen));
  std::vector<std::string> found;
  for (std::uint64_t at = 0; (at = log_->next_to_compress(at)) != 0;) {
    int from = -1, into = -1;
    if (!log_->open_for_compression(at, from, into)) continue;
    const os::Fd source(from), target(into);
    found.push_back(os::read_all(source, 100));
    log_->compressed(at, true);
  }
  EXPECT_EQ(found, Texts({".3", ".1"}));
  EXPECT_EQ(file("c-json.log.1"), "(absent)");
  EXPECT_EQ(file("c-json.log.3"), "(absent)");
  EXPECT_EQ(file("c-json.log.2.gz"), ".2.gz");
}

TEST_F(LogFileTest, AFullDiskDropsWholeLinesAndCountsThem) {
  const auto point = temp_.path() / "small";
  std::filesystem::create_directory(point);
  if (::mount("small", point.c_str(), "tmpfs", 0, "size=64k") != 0) GTEST_SKIP() << "no tmpfs";
  const os::Fd small = os::open_file(point, O_RDONLY | O_DIRECTORY);
  LogFileOptions chosen = options();
  chosen.directory = small.get();
  ASSERT_TRUE(log_->open(chosen));
  for (int i = 0; i < 100; ++i) log_->take(Output::Stdout, std::string(1000, 'z') + "\n");
  const std::string content = *os::read_file_if_exists(point / "c-json.log");
  EXPECT_EQ(content.back(), '\n');
  EXPECT_EQ(std::count(content.begin(), content.end(), '\n') + static_cast<long>(log_->dropped()),
            100);
  EXPECT_GT(log_->dropped(), 0u);
  // Space comes back: so do the lines.
  ASSERT_EQ(::ftruncate(os::open_file(point / "c-json.log", O_RDWR).get(), 0), 0);
  ASSERT_TRUE(log_->reopen());
  log_->take(Output::Stdout, "back\n");
  EXPECT_NE(os::read_file_if_exists(point / "c-json.log")->find("back"), std::string::npos);
  log_.reset();
  ::umount2(point.c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace wharf::supervise
