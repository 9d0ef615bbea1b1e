// Tests of the parts that need no daemon: names, signals, keys, users, merges, checks, mounts.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "container/capabilities.h"
#include "container/checks.h"
#include "container/detach_keys.h"
#include "container/merge.h"
#include "container/mounts.h"
#include "container/names.h"
#include "container/showing.h"
#include "container/signals.h"
#include "container/users.h"
#include "os/file.h"

namespace wharf::container {
namespace {

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const base::Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Names, FollowDockersRule) {
  for (const char* good : {"ab", "/ab", "x.y-z_1", "UPPER", "0a"})
    EXPECT_NO_THROW(checked_name(good)) << good;
  EXPECT_EQ(checked_name("/ab"), "ab");
  for (const char* bad : {"", "a", "/", "//x", "-x", "_x", ".x", "a b", "a/b", "a$", "\xc3\xa9t"}) {
    EXPECT_THROW(checked_name(bad), base::Error) << bad;
  }
}

TEST(Names, ThatAreMadeUpAreValid) {
  for (int attempt = 0; attempt < 50; ++attempt)
    EXPECT_NO_THROW(checked_name(made_up_name(attempt)));
}

TEST(Signals, AreReadInEveryForm) {
  EXPECT_EQ(parse_signal("SIGTERM"), 15);
  EXPECT_EQ(parse_signal("term"), 15);
  EXPECT_EQ(parse_signal("10"), 10);
  EXPECT_EQ(parse_signal("RTMIN+3"), 37);
  EXPECT_EQ(parse_signal("SIGRTMAX-1"), 63);
  for (const char* bad : {"", "0", "65", "-1", "BOGUS", "SIG", "RTMIN+99", "1x"}) {
    EXPECT_EQ(error_of([&] { parse_signal(bad); }), std::string("invalid signal: ") + bad);
  }
}

TEST(DetachKeys, AreRecognisedAcrossReadsAndGivenBackWhenBroken) {
  DetachKeys keys(parse_detach_keys(""));
  std::string out;
  EXPECT_FALSE(keys.feed("ab\x10", out));
  EXPECT_EQ(out, "ab");
  EXPECT_FALSE(keys.feed("x", out));
  EXPECT_EQ(out, "ab\x10x");
  EXPECT_FALSE(keys.feed("\x10", out));
  EXPECT_TRUE(keys.feed("\x11zzz", out));
  EXPECT_EQ(out, "ab\x10x");
}

TEST(DetachKeys, MayBeginAgainInTheirMiddle) {
  DetachKeys keys(parse_detach_keys("ctrl-p,ctrl-q"));
  std::string out;
  EXPECT_TRUE(keys.feed("\x10\x10\x11", out));
  EXPECT_EQ(out, "\x10");
}

TEST(DetachKeys, RefuseWhatIsNoKey) {
  EXPECT_EQ(error_of([] { parse_detach_keys("bogus-x"); }),
            "Invalid detach keys (bogus-x) provided");
  EXPECT_EQ(parse_detach_keys("ctrl-a,x"), "\x01x");
}

constexpr const char* kPasswd =
    "root:x:0:0:root:/root:/bin/sh\nu:x:1000:1000::/home/u:/bin/sh\n1000:x:0:0::/:/bin/sh\n"
    "-1:x:0:0::/:/bin/sh\n4294967295:x:0:0::/:/bin/sh\n";
constexpr const char* kGroup = "root:x:0:\nu:x:1000:\nextra:x:2000:u\naudio:x:29:\n";

Identity identity(std::string_view user, const std::vector<std::string>& groups = {}) {
  return find_identity(kPasswd, kGroup, user, groups);
}

TEST(Users, HaveExactlyTheirGroups) {
  using Groups = std::vector<std::uint32_t>;
  const auto sorted = [](Identity who) {
    std::sort(who.groups.begin(), who.groups.end());
    return who.groups;
  };
  EXPECT_EQ(sorted(identity("u")), (Groups{1000, 2000}));
  EXPECT_EQ(sorted(identity("u:u")), (Groups{1000}));
  EXPECT_EQ(sorted(identity("1000")), (Groups{1000, 2000}));
  EXPECT_EQ(sorted(identity("1000:1000")), (Groups{1000}));
  EXPECT_EQ(sorted(identity("5:6")), (Groups{6}));
  EXPECT_EQ(sorted(identity("u", {"audio", "3000"})), (Groups{29, 1000, 2000, 3000}));
  EXPECT_EQ(identity("u").home, "/home/u");
}

TEST(Users, ThatAreNumbersAreNeverNames) {
  EXPECT_EQ(identity("1000").uid, 1000U);
  EXPECT_EQ(identity("2147483647").uid, 2147483647U);
  EXPECT_EQ(identity("00").uid, 0U);
  for (const char* bad : {"2147483648", "4294967295", "4294967296", "-1", "0x0", "+0", "1e3",
                          " 1000", "1000:4294967296", "99999999999999999999"}) {
    EXPECT_THROW(identity(bad), base::Error) << bad;
  }
}

TEST(Users, ThatAreUnknownAreNamed) {
  EXPECT_EQ(error_of([] { identity("ghost"); }),
            "unable to find user ghost: no matching entries in passwd file");
  EXPECT_EQ(error_of([] { identity("root:ghost"); }),
            "unable to find group ghost: no matching entries in group file");
}

TEST(Users, AreNotLookedUpInAFifoOrAHugeFile) {
  const os::TempDirectory root;
  std::filesystem::create_directory(root.path() / "etc");
  ASSERT_EQ(::mkfifo((root.path() / "etc/passwd").c_str(), 0644), 0);
  const os::Fd fd = os::open_directory(root.path());
  EXPECT_NE(error_of([&] { find_identity(fd, "u", {}); }).find("not a regular file"),
            std::string::npos);
  std::filesystem::remove(root.path() / "etc/passwd");
  os::replace_file(root.path() / "etc/passwd", "x", 0644);
  ASSERT_EQ(::truncate((root.path() / "etc/passwd").c_str(), 8LL << 30), 0);
  EXPECT_NE(error_of([&] { find_identity(fd, "u", {}); }).find("10485760"), std::string::npos);
}

TEST(Users, FilesOutsideTheRootAreNotRead) {
  const os::TempDirectory root;
  std::filesystem::create_directory(root.path() / "etc");
  std::filesystem::create_symlink("/../../../../etc/passwd", root.path() / "etc/passwd");
  const os::Fd fd = os::open_directory(root.path());
  EXPECT_THROW(find_identity(fd, "daemon", {}), base::Error);
}

TEST(Capabilities, StartFromTheDefault) {
  api::HostConfig host;
  EXPECT_EQ(effective_capabilities(host).size(), 14U);
  host.cap_drop = {"MKNOD", "chown"};
  EXPECT_EQ(effective_capabilities(host).size(), 12U);
  host.cap_drop = {"all"};
  host.cap_add = {"NET_BIND_SERVICE"};
  EXPECT_EQ(effective_capabilities(host), (std::vector<std::string>{"CAP_NET_BIND_SERVICE"}));
  host.cap_add = {"ALL"};
  host.cap_drop = {"SYS_ADMIN"};
  EXPECT_EQ(effective_capabilities(host).size(), kernel_capabilities().size() - 1);
  host.cap_add = {"CAP_ALL"};
  EXPECT_EQ(error_of([&] { effective_capabilities(host); }),
            "invalid CapAdd: unknown capability: \"CAP_ALL\"");
}

TEST(Merge, TakesFromTheImageWhatWasNotAsked) {
  oci::RunConfig image;
  image.cmd = {"sleep", "300"};
  image.entrypoint = {"/e"};
  image.env = {"PATH=/bin", "A=image"};
  api::ContainerConfig config;
  config.env = {"A=mine", "B"};
  merge(config, image);
  EXPECT_EQ(config.env, (std::vector<std::string>{"A=mine", "B", "PATH=/bin"}));
  EXPECT_EQ(command_of(config), (std::vector<std::string>{"/e", "sleep", "300"}));

  api::ContainerConfig own;
  own.entrypoint = {""};
  merge(own, image);
  EXPECT_FALSE(own.entrypoint);
  EXPECT_EQ(error_of([&] { command_of(own); }), "no command specified");

  api::ContainerConfig empty;
  empty.entrypoint = std::vector<std::string>{};
  merge(empty, image);
  EXPECT_EQ(command_of(empty), (std::vector<std::string>{"sleep", "300"}));
}

TEST(Merge, UnsetsVariables) {
  EXPECT_EQ(replaced_environment({"A=1", "B=2"}, {"A", "C=3", "B=4"}),
            (std::vector<std::string>{"B=4", "C=3"}));
  EXPECT_EQ(clean_path("/tmp/../tmp//x/"), "/tmp/x");
}

TEST(Binds, GetDockersTexts) {
  const auto text = [](const char* bind) { return error_of([&] { parse_bind(bind, ""); }); };
  EXPECT_EQ(text("/a:b"),
            "invalid volume specification: '/a:b': invalid mount config for type "
            "\"bind\": invalid mount path: 'b' mount path must be absolute");
  EXPECT_EQ(text("a:b:c:d"), "invalid volume specification: 'a:b:c:d'");
  EXPECT_EQ(text("/a:/b:bogus"), "invalid mode: bogus");
  EXPECT_EQ(text("/a:/b:rw,ro"), "invalid mode: rw,ro");
  EXPECT_EQ(text("a:/b:z,Z"), "invalid mode: z,Z");
  EXPECT_EQ(text(":/b"), "invalid volume specification: ':/b'");
  EXPECT_EQ(text(""), "invalid volume specification: ''");
  EXPECT_EQ(text("/a:/b:nocopy"),
            "invalid volume specification: '/a:/b:nocopy': invalid mount config "
            "for type \"bind\": field VolumeOptions must not be specified");
  const MountSpec bind = parse_bind("/a/../b:/c/:ro,Z", "");
  EXPECT_EQ(bind.source, "/b");
  EXPECT_EQ(bind.destination, "/c");
  EXPECT_FALSE(bind.writable);
  EXPECT_EQ(parse_bind("/anon", "").type, MountSpec::Type::Volume);
}

TEST(Binds, SurviveTheWayThroughJson) {
  const MountSpec mount = parse_bind("vol:/c:ro,nocopy", "");
  EXPECT_EQ(mount_from_json(to_json(mount)), mount);
}

TEST(Checks, KnowCpuLists) {
  EXPECT_EQ(parse_cpu_list("0-2,4"), (std::vector<int>{0, 1, 2, 4}));
  for (const char* bad : {"abc", "1-", "-1", "3-1", "", "1,,2", "99999999999"}) {
    EXPECT_EQ(error_of([&] { parse_cpu_list(bad); }), std::string("invalid format: ") + bad);
  }
}

TEST(Durations, AreToldAsGoDoes) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  EXPECT_EQ(human_duration(5), "Less than a second");
  EXPECT_EQ(human_duration(kSecond), "1 second");
  EXPECT_EQ(human_duration(59 * kSecond), "59 seconds");
  EXPECT_EQ(human_duration(60 * kSecond), "About a minute");
  EXPECT_EQ(human_duration(3600 * kSecond), "About an hour");
  EXPECT_EQ(human_duration(3600 * 49 * kSecond), "2 days");
}

}  // namespace
}  // namespace wharf::container
