#include <fcntl.h>
#include <gtest/gtest.h>
#include <isa-l/igzip_lib.h>
#include <unistd.h>

#include <fstream>

#include "base/error.h"
#include "base/ids.h"
#include "base/strings.h"
#include "logs/line.h"
#include "os/file.h"
#include "shipping/aws_signature.h"
#include "shipping/cursor.h"
#include "shipping/destination.h"
#include "shipping/pack.h"
#include "shipping/source.h"
#include "shipping/squeeze.h"

namespace wharf::shipping {
namespace {

TEST(AwsSignature, IsTheOneOfThePublishedExample) {
  AwsRequest request{"GET", "us-east-1", "service",
                     {},    "",          base::parse_rfc3339("2015-08-30T12:36:00Z")};
  request.headers = {{"host", "example.amazonaws.com"}, {"x-amz-date", aws_time(request.time)}};
  const AwsIdentity identity{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
  EXPECT_EQ(aws_authorization(request, identity),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=host;x-amz-date, Signature="
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

namespace fs = std::filesystem;

Subject subject() {
  Subject made;
  made.id = std::string(64, 'a');
  made.name = "web";
  made.image_id = "sha256:" + std::string(64, 'b');
  made.image_name = "busybox";
  made.command = {"sh", "-c", "x"};
  made.labels = {{"one", "1"}, {"two", "2"}};
  made.environment = {"HOME=/root", "A_X=1", "A_Y=2", "broken"};
  return made;
}

std::string tag(const std::string& text) {
  Subject made = subject();
  made.options["tag"] = text;
  return tag_of(made);
}

TEST(Tag, IsFilledInFromFieldsAndFunctions) {
  EXPECT_EQ(tag_of(subject()), "aaaaaaaaaaaa");
  EXPECT_EQ(tag("{{.ImageName}}/{{ .Name }}/{{.ID}}"), "busybox/web/aaaaaaaaaaaa");
  EXPECT_EQ(tag("{{.FullID}}"), std::string(64, 'a'));
  EXPECT_EQ(tag("{{.ImageID}} {{.DaemonName}} {{.Command}}"), "bbbbbbbbbbbb docker sh -c x");
  EXPECT_EQ(tag("{{upper .Name}} {{title .Name}} {{truncate .ID 3}}"), "WEB Web aaa");
  EXPECT_EQ(tag("{{index .ContainerLabels \"two\"}}"), "2");
}

TEST(Tag, IsRefusedWhereItIsNoTemplateOfTheContainer) {
  for (const char* bad : {"{{.Nothing}}", "{{", "{{.ID", "{{frob .ID}}", "{{truncate .ID x}}"}) {
    EXPECT_THROW(tag(bad), base::Error) << bad;
  }
}

TEST(Attributes, AreChosenByNameAndByPattern) {
  Subject made = subject();
  made.options = {{"labels", "one,none"}, {"env-regex", "^A_"}, {"env", "HOME"}};
  EXPECT_EQ(chosen_attributes(made),
            (Options{{"one", "1"}, {"HOME", "/root"}, {"A_X", "1"}, {"A_Y", "2"}}));
  made.options = {{"env-regex", "("}};
  EXPECT_THROW(chosen_attributes(made), base::Error);
}

TEST(Cursor, KeepsAPositionAndTakesDamageForNone) {
  const os::TempDirectory dir;
  const os::Fd fd = os::open_file(dir.path(), O_RDONLY | O_DIRECTORY);
  const Position position{1, 2, 3, ~0ULL, 5, {6, 7}};
  Cursor cursor(fd);
  EXPECT_EQ(cursor.load(), Position());
  cursor.save({9, 9, 9, 9, 9, {}});
  cursor.save(position);
  EXPECT_EQ(Cursor(fd).load(), position);
  const std::string whole = os::read_file(dir.path() / kCursorName);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = damaged[i] == '1' ? '2' : '1';
    os::replace_file(dir.path() / kCursorName, damaged, 0600);
    EXPECT_EQ(Cursor(fd).load(), Position()) << i;
    os::replace_file(dir.path() / kCursorName, whole.substr(0, i), 0600);
    EXPECT_EQ(Cursor(fd).load(), Position()) << i;
  }
}

class Files : public ::testing::Test {
 protected:
  void write(int from, int to) {
    std::ofstream file(log, std::ios::app);
    for (int i = from; i < to; ++i) {
      file << R"({"log":")" << i << R"(\n","stream":"stdout","time":"2026-11-21T08:00:00Z"})"
           << "\n";
    }
  }

  void rotate(int kept) {
    for (int age = kept; age > 1; --age) {
      for (const char* suffix : {"", ".gz"}) {
        std::error_code missing;
        fs::rename(numbered(age - 1) + suffix, numbered(age) + suffix, missing);
      }
    }
    fs::rename(log, numbered(1));
    std::ofstream(log).flush();
  }

  void compress(int age) {
    const std::string packed = squeezed(os::read_file(numbered(age)), Squeeze::Gzip, 1);
    os::replace_file(numbered(age) + ".gz", packed, 0600);
    fs::remove(numbered(age));
  }

  std::string numbered(int age) const { return log.string() + "." + std::to_string(age); }

  Source source(const Position& from = {}) const {
    return Source(os::open_file(dir.path(), O_RDONLY | O_DIRECTORY), "l", 5, from);
  }

  static std::vector<int> read(Source& source, int most = 1000) {
    std::vector<int> seen;
    while (most-- > 0) {
      const auto record = source.next();
      if (!record) break;
      seen.push_back(std::stoi(logs::decode(*record)->text));
    }
    return seen;
  }

  static std::vector<int> range(int from, int to) {
    std::vector<int> numbers;
    for (int i = from; i < to; ++i) numbers.push_back(i);
    return numbers;
  }

  const os::TempDirectory dir;
  const os::Path log = dir.path() / "l";
};

TEST_F(Files, AreReadFromTheBeginningAndThenAsTheyGrow) {
  Source reading = source();
  EXPECT_EQ(read(reading), range(0, 0));
  write(0, 3);
  EXPECT_EQ(read(reading), range(0, 3));
  EXPECT_EQ(reading.unread_bytes(), 0U);
  write(3, 5);
  EXPECT_GT(reading.unread_bytes(), 0U);
  EXPECT_EQ(read(reading), range(3, 5));
}

TEST_F(Files, AreReadThroughRotationsThatAreCompressedMeanwhile) {
  write(0, 10);
  Source reading = source();
  EXPECT_EQ(read(reading, 5), range(0, 5));
  for (int turn = 1; turn <= 3; ++turn) {
    rotate(4);
    compress(1);
    write(turn * 10, turn * 10 + 10);
  }
  EXPECT_EQ(read(reading), range(5, 40));
  EXPECT_FALSE(reading.gap());
}

TEST_F(Files, GoOnAtAPositionWhateverBecameOfTheFile) {
  for (const int turns : {0, 1, 2, 3}) {
    fs::remove(log);
    for (int age = 1; age <= 4; ++age) {
      fs::remove(numbered(age));
      fs::remove(numbered(age) + ".gz");
    }
    write(0, 10);
    Position position;
    {
      Source reading = source();
      read(reading, 7);
      position = reading.position();
    }
    for (int turn = 1; turn <= turns; ++turn) {
      rotate(4);
      if (turn > 1) compress(2);
      write(turn * 10, turn * 10 + 10);
    }
    Source again = source(position);
    EXPECT_EQ(read(again), range(7, turns * 10 + 10)) << turns;
    EXPECT_FALSE(again.gap());
  }
}

TEST_F(Files, ThatAreGoneLeaveAGapAndTheOldestOnesAreRead) {
  write(0, 10);
  Source reading = source();
  read(reading, 3);
  const Position position = reading.position();
  for (int turn = 1; turn <= 4; ++turn) {
    rotate(2);
    write(turn * 10, turn * 10 + 10);
  }
  Source again = source(position);
  EXPECT_TRUE(again.gap());
  EXPECT_EQ(read(again), range(20, 50));
  EXPECT_FALSE(again.gap());
}

TEST_F(Files, WithAnotherFileOfTheSameInodeAreNotTakenForTheOldOne) {
  write(0, 10);
  Source reading = source();
  read(reading, 3);
  const Position position = reading.position();
  ASSERT_EQ(::truncate(log.c_str(), 0), 0);
  write(100, 120);
  Source again = source(position);
  EXPECT_EQ(read(again), range(100, 120));
}

TEST(Packer, WritesMessagePack) {
  Packer packer;
  packer.array(3);
  packer.text("ab");
  packer.number(1'700'000'000);
  packer.map(1);
  packer.text(std::string(40, 'x'));
  packer.text(std::string(300, 'y'));
  EXPECT_EQ(base::hex(packer.take()), "93a26162ce6553f10081d928" + base::hex(std::string(40, 'x')) +
                                          "da012c" + base::hex(std::string(300, 'y')));
  packer.event_time({1'700'000'000'000'000'005});
  EXPECT_EQ(base::hex(packer.take()), "d7006553f10000000005");
}

TEST(Squeeze, MakesWhatItsNameSays) {
  for (const int level : {-1, 0, 1, 5, 9}) {
    EXPECT_TRUE(squeezed("text", Squeeze::Gzip, level).starts_with("\x1f\x8b"));
    EXPECT_TRUE(squeezed("text", Squeeze::Zlib, level).starts_with("\x78"));
  }
  EXPECT_LT(squeezed(std::string(1 << 20, 'x'), Squeeze::Gzip, 1).size(), 20'000U);
  EXPECT_GT(squeezed(base::random_bytes(1 << 20), Squeeze::Gzip, 0).size(), 1'000'000U);
}

TEST(Options, AreCheckedAtCreateWithDockersTexts) {
  const auto said = [](const std::string& driver, const Options& options) -> std::string {
    try {
      check_options(driver, options);
    } catch (const base::Error& error) {
      return error.what();
    }
    return {};
  };
  EXPECT_EQ(said("syslog", {{"syslog-address", "tcp://h"}, {"tag", "x"}}), "");
  EXPECT_EQ(said("syslog", {{"syslog-facility", "local7"}, {"syslog-format", "rfc5424"}}), "");
  EXPECT_EQ(said("fluentd", {{"fluentd-async-reconnect-interval", "1ms"}}),
            "invalid value for fluentd-async-reconnect-interval: value (1ms) must be between 100ms "
            "and 10s");
  EXPECT_EQ(said("fluentd", {{"fluentd-max-retries", "-1"}}),
            "strconv.ParseUint: parsing \"-1\": invalid syntax");
  EXPECT_EQ(said("fluentd", {{"fluentd-address", "ftp://h"}}),
            "invalid fluentd-address (ftp://h): unsupported scheme: 'ftp'");
  EXPECT_EQ(said("splunk", {{"splunk-url", "anything"}}), "");
}

}  // namespace
}  // namespace wharf::shipping
