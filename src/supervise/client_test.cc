#include "supervise/client.h"

#include <dirent.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/statvfs.h>

#include <thread>

#include "os/process.h"
#include "os/socket.h"
#include "supervise/container_fixture.h"

namespace wharf::supervise {
namespace {

using ClientTest = ContainerTest;

std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    ++count;
  return count;
}

bool gone_within(pid_t pid, milliseconds time) {
  for (; time.count() > 0; time -= milliseconds(5)) {
    if (dead(pid)) return true;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return false;
}

/// Waits until the supervisor of `run_directory` is there, and `delay_us` more.
void kill_supervisor_at(const os::Path& run_directory, int delay_us) {
  for (int i = 0; i < 2000; ++i) {
    try {
      const os::Fd socket = os::connect_unix(run_directory / "sock", SOCK_SEQPACKET);
      std::this_thread::sleep_for(std::chrono::microseconds(delay_us));
      ::kill(os::peer_credentials(socket).pid, SIGKILL);
      return;
    } catch (const base::Error&) {
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  }
}

TEST_F(ClientTest, AKilledSupervisorIsLostAndItsContainerIsDead) {
  Ends ends;
  const Task task = run("sleep 1000", ends);
  ::kill(task.supervisor_pid(), SIGKILL);
  ASSERT_TRUE(ends.lost());
  EXPECT_TRUE(dead(task.pid()));
  EXPECT_FALSE(ends.exit(milliseconds(20)));
  EXPECT_FALSE(std::filesystem::exists(run_directory_));
  EXPECT_FALSE(std::filesystem::exists("/sys/fs/cgroup/pids" + cgroup(run_directory_.filename())));
  EXPECT_FALSE(read_exit_record(os::open_file(data_, O_RDONLY | O_DIRECTORY)));
}

TEST_F(ClientTest, ARestartedDaemonFindsTheContainerItsLogAndItsEnd) {
  Ends before, after;
  pid_t pid = 0;
  {
    const Task task =
        run("i=0; while [ $i -lt 20 ]; do echo $i; i=$((i+1)); sleep 0.02; done; exit 6", before);
    pid = task.pid();
  }
  supervisors_.reset();
  std::this_thread::sleep_for(milliseconds(50));
  supervisors_ =
      std::make_unique<Supervisors>(Supervisors::Options{Supervisors::default_runtime(), 0});
  const std::optional<Task> found = supervisors_->reconnect(run_directory_, "", after.callbacks());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->pid(), pid);
  ASSERT_TRUE(after.exit());
  EXPECT_EQ(after.exit()->code, 6);
  std::string expected;
  for (int i = 0; i < 20; ++i) expected += std::to_string(i) + "\n";
  EXPECT_EQ(logged(), expected);
  EXPECT_FALSE(before.exit(milliseconds(1)));
}

TEST_F(ClientTest, AContainerThatEndedWithoutADaemonHasItsRecord) {
  {
    Ends ends;
    const Task task = run("sleep 0.1; exit 4", ends);
  }
  supervisors_.reset();
  const os::Fd data = os::open_file(data_, O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < 400 && !read_exit_record(data); ++i)
    std::this_thread::sleep_for(milliseconds(5));
  ASSERT_TRUE(read_exit_record(data));
  EXPECT_EQ(read_exit_record(data)->code, 4);
  for (int i = 0; i < 400 && std::filesystem::exists(run_directory_); ++i)
    std::this_thread::sleep_for(milliseconds(5));
  supervisors_ =
      std::make_unique<Supervisors>(Supervisors::Options{Supervisors::default_runtime(), 0});
  EXPECT_FALSE(supervisors_->reconnect(run_directory_, "", {}));
}

TEST_F(ClientTest, WhatASupervisorLeftThatWasKilledWithoutADaemonIsRemoved) {
  pid_t pid = 0, supervisor = 0;
  {
    Ends ends;
    const Task task = run("sleep 1000", ends);
    pid = task.pid();
    supervisor = task.supervisor_pid();
  }
  const std::string id = run_directory_.filename();
  supervisors_.reset();
  ::kill(supervisor, SIGKILL);
  supervisors_ =
      std::make_unique<Supervisors>(Supervisors::Options{Supervisors::default_runtime(), 0});
  EXPECT_FALSE(supervisors_->reconnect(run_directory_, cgroup(id), {}));
  EXPECT_FALSE(std::filesystem::exists(run_directory_));
  EXPECT_FALSE(std::filesystem::exists("/sys/fs/cgroup/pids" + cgroup(id)));
  EXPECT_TRUE(dead(pid));
}

TEST_F(ClientTest, ARunDirectoryThatNobodyCameToUseIsRemoved) {
  const os::Path path = run_ / "interrupted";
  ASSERT_TRUE(std::filesystem::create_directories(path));
  EXPECT_FALSE(supervisors_->reconnect(path, "", {}));
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(ClientTest, ASupervisorKilledAtAnyMomentLeavesNothing) {
  for (int round = 0; round < 40; ++round) {
    Ends ends;
    LaunchRequest wanted = request("while :; do echo line; done");
    wanted.log.max_size_bytes = 100'000;
    wanted.log.max_files = 3;
    const std::string id = wanted.id;
    std::jthread killer;
    bool started = false;
    pid_t pid = 0;
    try {
      const auto kill = [&, round] { kill_supervisor_at(run_directory_, round * 150); };
      if (round % 2 == 0) killer = std::jthread(kill);
      Task task = supervisors_->launch(std::move(wanted), ends.callbacks());
      pid = task.pid();
      if (round % 2 == 1) killer = std::jthread(kill);
      started = true;
      EXPECT_TRUE(ends.lost()) << round;
    } catch (const base::Error&) {
      EXPECT_FALSE(started);
    }
    killer = {};
    for (int i = 0; i < 400 && std::filesystem::exists(run_directory_); ++i)
      std::this_thread::sleep_for(milliseconds(5));
    EXPECT_FALSE(std::filesystem::exists(run_directory_)) << round;
    EXPECT_FALSE(std::filesystem::exists("/sys/fs/cgroup/pids" + cgroup(id))) << round;
    EXPECT_TRUE(pid == 0 || dead(pid)) << round;
  }
}

TEST_F(ClientTest, ADamagedRecordIsAnErrorThatNamesIt) {
  os::replace_file(temp_.path() / "exit.json", "{\"version\":1,", 0600);
  try {
    read_exit_record(os::open_file(temp_.path(), O_RDONLY | O_DIRECTORY));
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_NE(std::string(error.what()).find("exit.json is damaged"), std::string::npos);
  }
}

TEST_F(ClientTest, AStoppedSupervisorDelaysNobodyElse) {
  Ends stuck_ends, ends;
  Task stuck = run("sleep 1000", stuck_ends);
  const os::Path stuck_run = run_directory_;
  ::kill(stuck.supervisor_pid(), SIGSTOP);
  std::jthread asks([&] { EXPECT_THROW(stuck.signal(0), base::Error); });
  std::this_thread::sleep_for(milliseconds(20));
  const auto before = std::chrono::steady_clock::now();
  const Task other = run("exit 2", ends);
  ASSERT_TRUE(ends.exit());
  EXPECT_LT(std::chrono::steady_clock::now() - before, milliseconds(200));
  ::kill(stuck.supervisor_pid(), SIGKILL);
  EXPECT_TRUE(stuck_ends.lost());
  asks.join();
  EXPECT_FALSE(std::filesystem::exists(stuck_run));
}

TEST_F(ClientTest, TheSameNamesCanBeStartedAgainAtOnce) {
  for (int round = 0; round < 5; ++round) {
    Ends ends;
    LaunchRequest wanted = request("exit 1");
    wanted.id = std::string(64, 'a');
    wanted.config_json = config(process("exit 1"), wanted.id, {});
    wanted.run_directory = run_ / wanted.id;
    Task task = supervisors_->launch(std::move(wanted), ends.callbacks());
    ASSERT_TRUE(ends.exit());
  }
}

TEST_F(ClientTest, ReconnectRefusesNobodysDirectory) {
  EXPECT_FALSE(supervisors_->reconnect(run_ / "nobody", "", {}));
}

TEST_F(ClientTest, NothingLeaksOverManyContainers) {
  {
    Ends ends;
    const Task warm = run("exit 0", ends);
    ASSERT_TRUE(ends.exit());
  }
  std::this_thread::sleep_for(milliseconds(100));
  const std::size_t before = open_descriptors();
  std::vector<pid_t> pids;
  for (int i = 0; i < 20; ++i) {
    Ends ends;
    os::Fd ours;
    const Task task = run_attached("echo x", ends, ours);
    pids.push_back(task.supervisor_pid());
    ASSERT_TRUE(ends.exit());
  }
  for (const pid_t pid : pids) EXPECT_TRUE(gone_within(pid, milliseconds(2000))) << pid;
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_TRUE(std::filesystem::is_empty(run_));
}

TEST_F(ClientTest, NobodyCanWriteToTheProgramThroughASupervisor) {
  Ends ends;
  Task task = run("sleep 1000", ends);
  const std::string exe = fmt::format("/proc/{}/exe", task.supervisor_pid());
  // While it runs, writing is ETXTBSY anyhow; the mount holds also when it no longer does.
  struct statvfs mount{};
  const os::Fd program = os::open_file(exe, O_RDONLY);
  ASSERT_EQ(::fstatvfs(program.get(), &mount), 0);
  EXPECT_NE(mount.f_flag & ST_RDONLY, 0u);
  EXPECT_LT(::open(fmt::format("/proc/self/fd/{}", program.get()).c_str(), O_WRONLY), 0);
  task.kill_all();
  EXPECT_TRUE(ends.exit());
}

TEST_F(ClientTest, ASupervisorTakesLittleMemory) {
  Ends ends;
  Task task = run("echo hi; exec sleep 1000", ends);
  std::this_thread::sleep_for(milliseconds(100));
  const std::string rollup =
      os::read_file(fmt::format("/proc/{}/smaps_rollup", task.supervisor_pid()));
  const auto kib = [&](const std::string& name) {
    return std::stoul(rollup.substr(rollup.find(name) + name.size()));
  };
  EXPECT_LE(kib("Private_Dirty:"), 80u) << rollup;
  task.kill_all();
  EXPECT_TRUE(ends.exit());
}

TEST_F(ClientTest, RefusesWhatGoesPastALimit) {
  LaunchRequest wanted = request("true");
  wanted.log.attrs_json.assign(20'000, 'x');
  EXPECT_THROW(supervisors_->launch(std::move(wanted), {}), base::Error);
  wanted = request("true");
  wanted.config_json.assign(9 << 20, ' ');
  EXPECT_THROW(supervisors_->launch(std::move(wanted), {}), base::Error);
}

}  // namespace
}  // namespace wharf::supervise
