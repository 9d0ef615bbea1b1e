#include "engine/options.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace wharf::engine {
namespace {

Given flags(std::initializer_list<std::string> words) {
  const std::vector<std::string> arguments(words);
  return parse_flags(arguments);
}

template <class Step>
std::string complaint(Step step) {
  try {
    step();
  } catch (const base::Error& error) {
    return error.what();
  }
  return "";
}

Settings settings_of(const Given& given) {
  std::vector<std::string> warnings;
  return to_settings(given, warnings);
}

TEST(Options, CountTheFlagsOfDockerd) {
  std::size_t count = 0;
  for (const Option& option : options()) count += !option.flag.empty();
  EXPECT_GE(count, 88u);
}

TEST(Flags, AreReadAsPflagReadsThem) {
  const Given given =
      flags({"-H", "unix:///a", "-Htcp://b", "-D", "--tls=false", "--label=a=b", "--mtu", "1400",
             "--log-opt", "max-size=1m", "--default-ulimit", "nofile=10:20"});
  EXPECT_EQ(base::to_text(given.at("hosts")), R"(["unix:///a","tcp://b"])");
  EXPECT_EQ(given.at("debug"), true);
  EXPECT_EQ(given.at("tls"), false);
  EXPECT_EQ(base::to_text(given.at("labels")), R"(["a=b"])");
  EXPECT_EQ(given.at("mtu"), 1400);
  EXPECT_EQ(base::to_text(given.at("log-opts")), R"({"max-size":"1m"})");
  EXPECT_EQ(settings_of(given).containers.ulimits.at("nofile").hard, 20);
}

TEST(Flags, ThatAreWrongGetPflagsWords) {
  EXPECT_EQ(complaint([] { flags({"--nope"}); }), "unknown flag: --nope");
  EXPECT_EQ(complaint([] { flags({"-z"}); }), "unknown shorthand flag: 'z' in -z");
  EXPECT_EQ(complaint([] { flags({"--mtu"}); }), "flag needs an argument: --mtu");
  EXPECT_EQ(complaint([] { flags({"-H"}); }), "flag needs an argument: 'H' in -H");
  EXPECT_EQ(complaint([] { flags({"--mtu", "abc"}); }),
            R"(invalid argument "abc" for "--mtu" flag: )"
            R"(strconv.ParseInt: parsing "abc": invalid syntax)");
  EXPECT_EQ(complaint([] { flags({"--debug=maybe"}); }),
            R"(invalid argument "maybe" for "-D, --debug" flag: )"
            R"(strconv.ParseBool: parsing "maybe": invalid syntax)");
  EXPECT_NE(complaint([] { flags({"run"}); }), "");
}

TEST(ConfigFile, MayBeEmptyAndMayStartWithAByteOrderMark) {
  EXPECT_TRUE(parse_file(" \n").empty());
  EXPECT_TRUE(parse_file("\xef\xbb\xbf{}").empty());
}

TEST(ConfigFile, NamesDirectivesThatNobodyKnows) {
  EXPECT_EQ(complaint([] { parse_file(R"({"foo":1,"debug":true})"); }),
            "the following directives don't match any configuration option: foo");
  EXPECT_NE(complaint([] { parse_file(R"({"debug":"yes"})"); }), "");
  EXPECT_NE(complaint([] { parse_file("{not json"); }), "");
  EXPECT_NE(complaint([] { parse_file("[]"); }), "");
}

TEST(ConfigFile, HasItsProxiesInAnObject) {
  const Settings settings =
      settings_of(parse_file(R"({"proxies":{"http-proxy":"http://p","no-proxy":"x"}})"));
  EXPECT_EQ(settings.proxies.http, "http://p");
  EXPECT_EQ(settings.proxies.none, "x");
}

TEST(Configuration, RefusesAnOptionGivenTwice) {
  EXPECT_EQ(
      complaint([] { merge(flags({"--label", "a=b"}), parse_file(R"({"labels":["c=d"]})")); }),
      "the following directives are specified both as a flag and in the configuration file: "
      "labels: (from flag: [a=b], from file: [c=d])");
  EXPECT_NO_THROW(merge(flags({"-D"}), parse_file(R"({"labels":["c=d"]})")));
}

TEST(Configuration, RefusesWhatIsNotBuiltUnlessItAsksForTheDefault) {
  EXPECT_NE(complaint([] { settings_of(flags({"--selinux-enabled"})); }), "");
  EXPECT_EQ(complaint([] { settings_of(flags({"--default-runtime", "runc", "--ipv6=false"})); }),
            "");
}

TEST(Configuration, TakesEitherManagerOfCgroupsWithAParentOfItsKind) {
  const auto with = [](const char* driver, const char* parent) {
    const std::string option = std::string("native.cgroupdriver=") + driver;
    return settings_of(flags({"--exec-opt", option, "--cgroup-parent", parent})).containers;
  };
  EXPECT_EQ(with("systemd", "a-b.slice").cgroup_driver, "systemd");
  EXPECT_EQ(with("cgroupfs", "/a").cgroup_driver, "cgroupfs");
  EXPECT_EQ(complaint([&] { with("none", ""); }), "native.cgroupdriver option none not supported");
  EXPECT_EQ(complaint([&] { with("systemd", "/a"); }),
            "cgroup-parent for systemd cgroup should be a valid slice named as \"xxx.slice\"");
  EXPECT_NE(complaint([&] { with("systemd", ".slice"); }), "");
}

TEST(Configuration, WarnsOfWhatChangesNothing) {
  std::vector<std::string> warnings;
  to_settings(flags({"--userland-proxy=false"}), warnings);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("userland-proxy"), std::string::npos);
}

TEST(Configuration, ChecksValues) {
  EXPECT_NE(complaint([] { settings_of(flags({"--log-level", "loud"})); }), "");
  EXPECT_NE(complaint([] { settings_of(flags({"--label", "nope"})); }), "");
  EXPECT_NE(complaint([] { settings_of(flags({"--registry-mirror", "ftp://x"})); }), "");
  EXPECT_NE(complaint([] { settings_of(flags({"--bridge", "longer-than-a-name"})); }), "");
  EXPECT_NE(complaint([] { settings_of(parse_file(R"({"min-api-version":"1.12"})")); }), "");
  EXPECT_EQ(settings_of(parse_file(R"({"min-api-version":"1.24"})")).minimum_api,
            (api::Version{1, 24}));
  EXPECT_EQ(settings_of(flags({"--default-shm-size", "1g"})).containers.shm_bytes, 1 << 30);
  EXPECT_EQ(settings_of(flags({"--default-address-pool", "base=10.9.0.0/16,size=24"}))
                .address_pools.at(0)
                .size,
            24);
}

}  // namespace
}  // namespace wharf::engine
