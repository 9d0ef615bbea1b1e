#include "container/log_options.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace wharf::container {
namespace {

Record record_with(const std::string& driver, std::map<std::string, std::string> options) {
  Record record;
  record.id = std::string(64, 'a');
  record.name = "web";
  record.config.cmd = std::vector<std::string>{"true"};
  record.host.log_config = {driver, std::move(options)};
  return record;
}

struct Files {
  std::int64_t max_size_bytes;
  std::uint32_t max_files;
  bool compress;
  bool operator==(const Files&) const = default;
};

Files files_of(const std::string& driver, std::map<std::string, std::string> options) {
  const supervise::LogOptions made = log_options(record_with(driver, std::move(options)));
  return {made.max_size_bytes, made.max_files, made.compress};
}

TEST(LogOptions, TurnJsonFilesOverAtAHundredMegabytesUnlessTheySayOtherwise) {
  EXPECT_EQ(files_of("json-file", {}), (Files{100 << 20, 3, false}));
  EXPECT_EQ(files_of("json-file", {{"max-size", "10k"}}), (Files{10 << 10, 1, false}));
  EXPECT_EQ(files_of("json-file", {{"max-size", "-1"}}), (Files{-1, 1, false}));
  EXPECT_EQ(files_of("json-file", {{"max-file", "7"}, {"compress", "true"}}),
            (Files{100 << 20, 7, true}));
}

TEST(LogOptions, BoundTheLocalDriverAndTheCacheByThemselves) {
  const Files standard{20 << 20, 5, true};
  EXPECT_EQ(files_of("local", {}), standard);
  EXPECT_EQ(files_of("local", {{"max-size", "1m"}}), (Files{1 << 20, 5, true}));
  EXPECT_EQ(files_of("syslog", {}), standard);
  EXPECT_EQ(files_of("gelf", {{"gelf-address", "udp://h:1"},
                              {"cache-max-size", "1m"},
                              {"cache-max-file", "2"},
                              {"cache-compress", "false"}}),
            (Files{1 << 20, 2, false}));
}

TEST(LogOptions, WriteAttributesInTheOrderAndTheEscapesOfDocker) {
  Record record = record_with("json-file", {{"labels", "z,a"}, {"env", "E"}, {"tag", "{{.Name}}"}});
  record.config.labels = std::map<std::string, std::string>{{"z", "<&>"}, {"a", "\xe2\x80\xa8"}};
  record.config.env = std::vector<std::string>{"E=1"};
  EXPECT_EQ(log_options(record).attrs_json,
            R"({"E":"1","a":"\u2028","tag":"web","z":"\u003c\u0026\u003e"})");
}

TEST(LogOptions, RefuseWhatIsNoSizeNoCountAndNoBoolean) {
  for (const auto& [name, value] : std::map<std::string, std::string>{
           {"max-size", "abc"}, {"max-file", "0"}, {"compress", "maybe"}, {"tag", "{{.No}}"}}) {
    EXPECT_THROW(log_options(record_with("json-file", {{name, value}})), base::Error) << name;
  }
}

TEST(LogOptions, SayWhichLogsCanBeRead) {
  EXPECT_TRUE(log_is_readable({"json-file", {}}));
  EXPECT_TRUE(log_is_readable({"syslog", {}}));
  EXPECT_FALSE(log_is_readable({"none", {}}));
  const std::map<std::string, std::string> disabled = {{"cache-disabled", "true"}};
  EXPECT_FALSE(log_is_readable({"syslog", disabled}));
  EXPECT_TRUE(log_is_readable({"json-file", disabled}));
}

}  // namespace
}  // namespace wharf::container
