#include "cgroup/group.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/ids.h"
#include "cgroup/control_file.h"
#include "cgroup/limits.h"

namespace wharf::cgroup {
namespace {

/// A cgroup of this test alone, removed at its end with what is inside.
class Fixture : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(discover(hierarchies, failure)) << failure.text.c_str();
    path = "/wharf-test-" + std::string(base::short_id(base::random_id()));
    ASSERT_TRUE(group.create(hierarchies, path, failure)) << failure.text.c_str();
  }
  void TearDown() override {
    base::Failure ignored;
    group.signal_all(SIGKILL, ignored);
    while (::waitpid(-1, nullptr, 0) > 0) {
    }
    EXPECT_TRUE(group.remove(2000, ignored)) << ignored.text.c_str();
  }
  std::string read(const char* controller, const char* file) {
    base::Text<1023> text;
    EXPECT_TRUE(read_value(group.directory(controller), file, text)) << file;
    return std::string(text.view().substr(0, text.view().find('\n')));
  }
  pid_t start_child() {
    const pid_t pid = ::vfork();
    if (pid == 0) {
      ::execl("/bin/sleep", "sleep", "100", nullptr);
      ::_exit(127);
    }
    EXPECT_TRUE(group.add(pid, failure)) << failure.text.c_str();
    return pid;
  }

  Hierarchies hierarchies;
  Group group;
  std::string path;
  base::Failure failure;
};

TEST_F(Fixture, LimitsBecomeControlFiles) {
  if (hierarchies.unified) GTEST_SKIP() << "needs cgroup v1";
  oci::Resources resources;
  resources.memory.limit = 64 << 20;
  resources.memory.reservation = 32 << 20;
  resources.memory.swappiness = 7;
  resources.cpu.shares = 512;
  resources.cpu.period = 50'000;
  resources.cpu.quota = 25'000;
  resources.cpu.cpus = "0";
  resources.pids = 12;
  ASSERT_TRUE(group.apply(resources, failure)) << failure.text.c_str();
  EXPECT_EQ(read("memory", "memory.limit_in_bytes"), "67108864");
  EXPECT_EQ(read("memory", "memory.soft_limit_in_bytes"), "33554432");
  EXPECT_EQ(read("memory", "memory.swappiness"), "7");
  EXPECT_EQ(read("cpu", "cpu.shares"), "512");
  EXPECT_EQ(read("cpu", "cpu.cfs_period_us"), "50000");
  EXPECT_EQ(read("cpu", "cpu.cfs_quota_us"), "25000");
  EXPECT_EQ(read("cpuset", "cpuset.cpus"), "0");
  EXPECT_EQ(read("pids", "pids.max"), "12");
}

TEST_F(Fixture, MemoryAndSwapCanGrowAndShrinkTogether) {
  if (hierarchies.unified) GTEST_SKIP() << "needs cgroup v1";
  for (const std::int64_t megabytes : {64, 256, 32, 512}) {
    oci::Resources resources;
    resources.memory.limit = megabytes << 20;
    resources.memory.swap = megabytes << 20;
    ASSERT_TRUE(group.update(resources, failure)) << megabytes << failure.text.c_str();
    EXPECT_EQ(read("memory", "memory.limit_in_bytes"), std::to_string(megabytes << 20));
  }
}

TEST_F(Fixture, ALimitOfAMissingControllerIsAnError) {
  oci::Resources resources;
  oci::RdmaLimit limit{"mlx", 1, 1};
  resources.rdma = {&limit, 1};
  EXPECT_FALSE(group.apply(resources, failure));
  EXPECT_NE(failure.text.view().find("rdma"), std::string_view::npos);
}

TEST_F(Fixture, UnifiedSettingsNeedV2) {
  if (hierarchies.unified) GTEST_SKIP() << "needs cgroup v1";
  oci::Resources resources;
  oci::UnifiedSetting setting{"memory.high", "1"};
  resources.unified = {&setting, 1};
  EXPECT_FALSE(group.apply(resources, failure));
}

TEST_F(Fixture, DevicesAreDeniedByDefault) {
  if (hierarchies.unified) GTEST_SKIP() << "needs cgroup v1";
  oci::DeviceRule rules[] = {{false, 'a', -1, -1, true, true, true},
                             {true, 'c', 10, 229, true, true, false}};
  oci::Resources resources;
  resources.devices = rules;
  ASSERT_TRUE(group.apply(resources, failure)) << failure.text.c_str();
  base::Text<1023> list;
  read_value(group.directory("devices"), "devices.list", list);
  EXPECT_EQ(list.view().find("a *:*"), std::string_view::npos) << list.c_str();
  EXPECT_NE(list.view().find("c 10:229 rw\n"), std::string_view::npos) << list.c_str();
  EXPECT_NE(list.view().find("c 1:3 rwm\n"), std::string_view::npos) << list.c_str();
}

TEST_F(Fixture, EverythingAllowedStaysSo) {
  if (hierarchies.unified) GTEST_SKIP() << "needs cgroup v1";
  oci::DeviceRule rule{true, 'a', -1, -1, true, true, true};
  oci::Resources resources;
  resources.devices = {&rule, 1};
  ASSERT_TRUE(group.apply(resources, failure)) << failure.text.c_str();
  EXPECT_EQ(read("devices", "devices.list"), "a *:* rwm");
}

TEST_F(Fixture, ProcessesAreCountedFrozenAndKilled) {
  const pid_t child = start_child();
  pid_t pids[4] = {};
  EXPECT_EQ(group.pids(pids), 1U);
  EXPECT_EQ(pids[0], child);
  EXPECT_EQ(group.frozen(), Frozen::No);
  ASSERT_TRUE(group.freeze(Frozen::Yes, failure)) << failure.text.c_str();
  EXPECT_EQ(group.frozen(), Frozen::Yes);
  // A frozen one dies too.
  ASSERT_TRUE(group.signal_all(SIGKILL, failure)) << failure.text.c_str();
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
}

TEST_F(Fixture, ACgroupInUseIsNotTakenOver) {
  start_child();
  Group other;
  EXPECT_FALSE(other.create(hierarchies, path, failure));
  EXPECT_NE(failure.text.view().find("not empty"), std::string_view::npos);
}

TEST_F(Fixture, TheKernelsOomKillsAreSeen) {
  if (hierarchies.unified) GTEST_SKIP() << "needs cgroup v1";
  oci::Resources resources;
  resources.memory.limit = 8 << 20;
  resources.memory.swap = 8 << 20;
  ASSERT_TRUE(group.apply(resources, failure)) << failure.text.c_str();
  const int event = group.oom_event();
  ASSERT_GE(event, 0);
  EXPECT_EQ(group.oom_kills(), 0U);
  const pid_t pid = ::fork();
  if (pid == 0) {
    base::Failure ignored;
    group.add(0, ignored);
    constexpr std::size_t kBytes = 64 << 20;
    void* memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    ::_exit(memory == MAP_FAILED ? 1 : 0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  pollfd ready{event, POLLIN, 0};
  EXPECT_EQ(::poll(&ready, 1, 1000), 1);
  EXPECT_GE(group.oom_kills(), 1U);
  ::close(event);
}

TEST_F(Fixture, RemovingTakesChildrenAlong) {
  const base::Text<200> below("/proc/self/fd/", group.directory("pids"), "/below");
  ASSERT_EQ(::mkdir(below.c_str(), 0755), 0);
  base::Failure ignored;
  EXPECT_TRUE(group.remove(1000, ignored)) << ignored.text.c_str();
  Group again;
  ASSERT_TRUE(again.open(hierarchies, path, ignored));
  EXPECT_EQ(again.directory("pids"), -1);
}

TEST(Group, PathsThatClimbOrAreTheRootAreRefused) {
  Hierarchies hierarchies;
  base::Failure failure;
  ASSERT_TRUE(discover(hierarchies, failure));
  for (const char* bad : {"", "/", ".", "/.", "/a/../../b", ".."}) {
    Group group;
    base::Failure reason;
    EXPECT_FALSE(group.create(hierarchies, bad, reason)) << bad;
  }
}

/// Whether a process in this v2 cgroup can open the device.
bool can_open(const std::string& directory, const char* device) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    const int procs = ::open((directory + "/cgroup.procs").c_str(), O_WRONLY);
    if (::write(procs, "0", 1) != 1) ::_exit(2);
    ::_exit(::open(device, O_RDONLY) >= 0 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_LT(WEXITSTATUS(status), 2);
  return WEXITSTATUS(status) == 0;
}

TEST(Devices, ABpfProgramDecidesOnV2AndTakesItsPredecessorsPlace) {
  const std::string directory =
      "/sys/fs/cgroup/unified/wharf-test-" + std::string(base::short_id(base::random_id()));
  if (::mkdir(directory.c_str(), 0755) < 0) GTEST_SKIP() << "needs a v2 hierarchy";
  const int fd = ::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  base::Failure failure;
  const oci::DeviceRule deny{false, 'a', -1, -1, true, true, true};
  const oci::DeviceRule kmsg{true, 'c', 1, 11, true, false, false};
  const oci::DeviceRule all{true, 'a', -1, -1, true, true, true};
  const oci::DeviceRule not_kmsg{false, 'c', 1, 11, true, false, false};
  const oci::DeviceRule closed[] = {deny};
  EXPECT_TRUE(allow_devices_v2(fd, closed, failure)) << failure.text.c_str();
  EXPECT_TRUE(can_open(directory, "/dev/null"));
  EXPECT_FALSE(can_open(directory, "/dev/kmsg"));
  const oci::DeviceRule one[] = {deny, kmsg};
  EXPECT_TRUE(allow_devices_v2(fd, one, failure)) << failure.text.c_str();
  EXPECT_TRUE(can_open(directory, "/dev/kmsg"));
  const oci::DeviceRule open[] = {all};
  EXPECT_TRUE(allow_devices_v2(fd, open, failure)) << failure.text.c_str();
  EXPECT_TRUE(can_open(directory, "/dev/kmsg"));
  const oci::DeviceRule hole[] = {all, not_kmsg};
  EXPECT_TRUE(allow_devices_v2(fd, hole, failure)) << failure.text.c_str();
  EXPECT_FALSE(can_open(directory, "/dev/kmsg"));
  EXPECT_TRUE(allow_devices_v2(fd, {}, failure)) << failure.text.c_str();
  EXPECT_FALSE(can_open(directory, "/dev/kmsg"));
  ::close(fd);
  EXPECT_EQ(::rmdir(directory.c_str()), 0);
}

TEST(Weights, AreTranslatedForV2) {
  EXPECT_EQ(weight_of_shares(2), 1);
  EXPECT_EQ(weight_of_shares(1024), 39);
  EXPECT_EQ(weight_of_shares(262'144), 10'000);
  EXPECT_EQ(io_weight_of(10), 1);
  EXPECT_EQ(io_weight_of(1000), 10'000);
}

}  // namespace
}  // namespace wharf::cgroup
