#include "cgroup/usage.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/ids.h"

namespace wharf::cgroup {
namespace {

TEST(Usage, OfARealCgroupIsWhatItsProcessesUsed) {
  Hierarchies hierarchies;
  base::Failure failure;
  ASSERT_TRUE(discover(hierarchies, failure)) << failure.text.c_str();
  Group group;
  const std::string path = "/wharf-test-" + base::short_id(base::random_id());
  ASSERT_TRUE(group.create(hierarchies, path, failure)) << failure.text.c_str();
  oci::Resources resources;
  resources.memory.limit = 64 << 20;
  resources.pids = 12;
  EXPECT_TRUE(group.apply(resources, failure)) << failure.text.c_str();
  std::string words[] = {"sh", "-c", "while :; do :; done"};
  char* arguments[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};
  pid_t pid = 0;
  ASSERT_EQ(::posix_spawn(&pid, "/bin/sh", nullptr, nullptr, arguments, ::environ), 0);
  EXPECT_TRUE(group.add(pid, failure)) << failure.text.c_str();
  ::usleep(200'000);

  Usage usage;
  EXPECT_TRUE(read_usage(group, usage));
  EXPECT_EQ(usage.unified, hierarchies.unified);
  EXPECT_GT(usage.cpu_ns, 10'000'000U);
  EXPECT_LT(usage.cpu_ns, 10'000'000'000U);
  EXPECT_EQ(usage.processes, 1U);
  EXPECT_EQ(usage.processes_limit, 12U);
  EXPECT_EQ(usage.memory_limit_bytes, 64U << 20);
  EXPECT_NE(usage.memory_stat.view().find("inactive_file"), std::string_view::npos);

  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  EXPECT_TRUE(group.remove(2000, failure)) << failure.text.c_str();
  Usage after;
  EXPECT_FALSE(read_usage(group, after));
}

TEST(Usage, OfAClosedGroupIsNothing) {
  const Group group;
  Usage usage;
  EXPECT_FALSE(read_usage(group, usage));
}

TEST(IoCounts, AreBounded) {
  IoCounts counts;
  for (int i = 0; i < 1000; ++i) counts.add({});
  EXPECT_EQ(counts.count, counts.all.size());
}

}  // namespace
}  // namespace wharf::cgroup
