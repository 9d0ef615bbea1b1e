#include "cgroup/scope.h"

#include <gtest/gtest.h>

#include <string>

#include "cgroup/group.h"
#include "cgroup/scope_properties.h"

namespace wharf::cgroup {
namespace {

using namespace std::string_literals;

std::string complaint(std::string_view path) {
  Scope scope;
  base::Failure failure;
  return scope.parse(path, failure) ? "" : failure.text.c_str();
}

std::string place(std::string_view path) {
  Scope scope;
  base::Failure failure;
  base::PathText into;
  EXPECT_TRUE(scope.parse(path, failure)) << failure.text.c_str();
  scope.put_path(into);
  return into.c_str();
}

TEST(Scope, LiesInItsSliceAndThatInThoseItsNameSays) {
  EXPECT_EQ(place("system.slice:docker:ab12"), "/system.slice/docker-ab12.scope");
  EXPECT_EQ(place("a-b-c.slice:x:y"), "/a.slice/a-b.slice/a-b-c.slice/x-y.scope");
  EXPECT_EQ(place(":docker:ab"), "/system.slice/docker-ab.scope");
  EXPECT_EQ(place("-.slice:docker:ab"), "/docker-ab.scope");
  EXPECT_EQ(place("user.slice::box"), "/user.slice/box.scope");
}

TEST(Scope, RefusesWhatIsNoPathOfSystemd) {
  EXPECT_EQ(complaint("/docker/ab"),
            "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got "
            "\"/docker/ab\" instead");
  for (const char* path :
       {"", "a.slice:b", "a.slice:b:c:d", "a.slice:b:", "a.slice:../b:c", "a.slice:b:c/d"}) {
    EXPECT_NE(complaint(path), "") << path;
  }
  EXPECT_EQ(complaint("a--b.slice:x:y"), "invalid slice name: a--b.slice");
  for (const char* slice : {".slice", "-a.slice", "a-.slice", "a", "a/b.slice", "../a.slice"}) {
    EXPECT_EQ(complaint(slice + ":x:y"s), "invalid slice name: "s + slice);
  }
  EXPECT_NE(complaint("a.slice:x:" + std::string(250, 'y')), "");
}

TEST(Scope, OfOursIsEveryPathThatIsNotAbsolute) {
  EXPECT_EQ(manager_of("/docker/ab"), Manager::Files);
  EXPECT_EQ(manager_of("/docker/a:b:c"), Manager::Files);
  EXPECT_EQ(manager_of("ab"), Manager::Files);
  EXPECT_EQ(manager_of("system.slice:docker:ab"), Manager::Systemd);
}

TEST(ScopeProperties, QuotasAreWholeHundredthsOfASecond) {
  EXPECT_EQ(quota_per_second(50'000, 100'000), 500'000u);
  EXPECT_EQ(quota_per_second(50'001, 0), 510'000u);
  EXPECT_EQ(quota_per_second(400'000, 100'000), 4'000'000u);
  EXPECT_EQ(quota_per_second(-1, 0), UINT64_MAX);
}

TEST(ScopeProperties, ListsOfProcessorsAreBits) {
  const auto bits = [](std::string_view list) {
    base::Text<512> into;
    return put_bits(list, into) ? std::string(into.view()) : "no list";
  };
  EXPECT_EQ(bits("0"), "\1");
  EXPECT_EQ(bits("0-2,5"), "\x27");
  EXPECT_EQ(bits("1,8-9"), "\2\3"s);
  EXPECT_EQ(bits("15"), "\0\x80"s);
  for (const char* list : {"x", "2-1", "0-99999999", "-1", "0,,1"}) {
    EXPECT_EQ(bits(list), "no list") << list;
  }
}

std::string changed(bool unified, Release release, const oci::Resources& resources) {
  char memory[4096];
  dbus::Marshal message(memory);
  Properties{unified, release}.put_changed(message, resources);
  return std::string(message.view());
}

TEST(ScopeProperties, OneLimitIsOnePropertyOfItsType) {
  oci::Resources resources;
  resources.pids = 33;
  EXPECT_EQ(changed(true, Release::Current, resources),
            "\x18\0\0\0\0\0\0\0\x08\0\0\0TasksMax\0\1t\0\x21\0\0\0\0\0\0\0"s);
  resources.pids = -1;
  EXPECT_TRUE(changed(true, Release::Current, resources).ends_with(std::string(8, '\xff')));
}

TEST(ScopeProperties, FollowTheVersionOfCgroupsAndOfSystemd) {
  oci::Resources resources;
  resources.memory.limit = 64 << 20;
  resources.memory.swap = 96 << 20;
  resources.cpu.shares = 512;
  resources.cpu.period = 50'000;
  resources.cpu.quota = 25'000;
  resources.cpu.cpus = "0";
  resources.block_io.weight = 500;
  const auto names = [&](bool unified, Release release) {
    std::string found;
    const std::string bytes = changed(unified, release, resources);
    for (const char* name : {"MemoryMax", "MemorySwapMax", "MemoryLimit", "CPUWeight", "CPUShares",
                             "CPUQuotaPerSecUSec", "CPUQuotaPeriodUSec", "AllowedCPUs",
                             "\x08IOWeight", "BlockIOWeight"}) {
      if (bytes.find(name) != bytes.npos ||
          (name[0] == 8 && bytes.find("\0\0\0IOWeight"s) != bytes.npos))
        found += (name[0] == 8 ? name + 1 : name) + " "s;
    }
    return found;
  };
  EXPECT_EQ(names(true, Release::Current),
            "MemoryMax MemorySwapMax CPUWeight CPUQuotaPerSecUSec CPUQuotaPeriodUSec AllowedCPUs "
            "IOWeight ");
  EXPECT_EQ(names(true, Release::Old),
            "MemoryMax MemorySwapMax CPUWeight CPUQuotaPerSecUSec IOWeight ");
  EXPECT_EQ(names(false, Release::Current),
            "MemoryLimit CPUShares CPUQuotaPerSecUSec CPUQuotaPeriodUSec BlockIOWeight ");
}

std::string fresh(std::span<oci::DeviceRule> rules) {
  char memory[8192];
  dbus::Marshal message(memory);
  oci::Resources resources;
  resources.devices = rules;
  Scope scope{"system.slice", "docker", "ab"};
  Properties{true, Release::Current}.put_new(message, scope, 7, resources);
  return std::string(message.view());
}

TEST(ScopeProperties, DevicesAreNamedByNumberAndAllowedByDefault) {
  oci::DeviceRule rules[] = {{false, 'a', -1, -1, true, true, true},
                             {true, 'c', 10, 229, true, true, false},
                             {true, 'b', -1, 5, true, true, true}};
  const std::string bytes = fresh(rules);
  for (const std::string& words :
       {"DevicePolicy\0\1s\0\6\0\0\0strict"s, "/dev/char/10:229\0\0\0\0\2\0\0\0rw\0"s,
        "/dev/char/1:3"s, "char-*\0"s, "PIDs\0\2au\0\0\0\0\4\0\0\0\7\0\0\0"s}) {
    EXPECT_NE(bytes.find(words), bytes.npos) << words;
  }
  EXPECT_EQ(bytes.find("block-\0"s), bytes.npos);
  oci::DeviceRule everything{true, 'a', -1, -1, true, true, true};
  const std::string open = fresh({&everything, 1});
  EXPECT_NE(open.find("auto"), open.npos);
  EXPECT_EQ(open.find("DeviceAllow"), open.npos);
}

TEST(Group, OfAScopeKnowsItsDirectoriesAndOpensThemAgainByItsPath) {
  Hierarchies hierarchies;
  base::Failure failure;
  ASSERT_TRUE(discover(hierarchies, failure)) << failure.text.c_str();
  Group group;
  ASSERT_TRUE(group.place(hierarchies, "a-b.slice:docker:ab", failure, Manager::Systemd));
  base::PathText path;
  ASSERT_TRUE(group.path_in(0, path));
  EXPECT_TRUE(path.view().ends_with("/a.slice/a-b.slice/docker-ab.scope")) << path.c_str();
  EXPECT_EQ(group.path(), "a-b.slice:docker:ab");
  EXPECT_FALSE(group.open(hierarchies, "/docker/ab", failure, Manager::Systemd));
}

TEST(Group, WithoutSystemdNoScopeIsMadeAndNothingIsLeft) {
  Hierarchies hierarchies;
  base::Failure failure;
  ASSERT_TRUE(discover(hierarchies, failure)) << failure.text.c_str();
  Group group;
  ASSERT_TRUE(group.place(hierarchies, "wharftest.slice:x:y", failure, Manager::Systemd));
  ::setenv("WHARF_SYSTEMD_SOCKET", "/nonexistent/private", 1);
  EXPECT_FALSE(group.make_scope(::getpid(), {}, failure));
  ::unsetenv("WHARF_SYSTEMD_SOCKET");
  EXPECT_STREQ(failure.text.c_str(),
               "cgroup: make x-y.scope: systemd: connect to /nonexistent/private: no such file or "
               "directory");
  base::PathText path;
  ASSERT_TRUE(group.path_in(0, path));
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
  EXPECT_TRUE(group.remove(0, failure = {}));
}

}  // namespace
}  // namespace wharf::cgroup
