#include <signal.h>
#include <sys/socket.h>

#include <thread>

#include "os/process.h"
#include "os/pty.h"
#include "supervise/container_fixture.h"

namespace wharf::supervise {
namespace {

const Shape kInteractive{.open_stdin = true, .stdin_once = true};
const Shape kTerminal{.tty = true, .open_stdin = true};

/// One stdcopy frame.
std::string frame(int stream, const std::string& text) {
  return std::string{static_cast<char>(stream), 0, 0, 0, 0, 0, 0, static_cast<char>(text.size())} +
         text;
}

TEST_F(ContainerTest, WritesItsOutputToTheLogAndReportsItsExitCode) {
  Ends ends;
  const Task task = run("echo out; echo err >&2; exit 7", ends);
  const auto exit = ends.exit();
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->code, 7);
  EXPECT_FALSE(exit->oom_killed);
  EXPECT_LT(exit->started_at, exit->finished_at);
  const std::string text = logged();
  EXPECT_NE(text.find("out\n"), std::string::npos);
  EXPECT_NE(text.find("err\n"), std::string::npos);
}

TEST_F(ContainerTest, TheExitRecordIsThereAndTheTracesAreGoneWhenTheEndIsTold) {
  Ends ends;
  const Task task = run("exit 3", ends);
  ASSERT_TRUE(ends.exit());
  const auto record = read_exit_record(os::open_file(data_, O_RDONLY | O_DIRECTORY));
  ASSERT_TRUE(record);
  EXPECT_EQ(record->code, 3);
  EXPECT_EQ(record->finished_at, ends.exit()->finished_at);
  EXPECT_FALSE(std::filesystem::exists(run_directory_));
  const std::string id = run_directory_.filename();
  EXPECT_FALSE(std::filesystem::exists("/sys/fs/cgroup/pids" + cgroup(id)));
  EXPECT_FALSE(std::filesystem::exists("/sys/fs/cgroup" + cgroup(id)));
}

TEST_F(ContainerTest, ASignalCountsAsOneHundredAndTwentyEightMore) {
  Ends ends;
  Task task = run("sleep 100", ends);
  task.signal(SIGKILL);
  const auto exit = ends.exit();
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->code, 137);
  try {
    task.signal(SIGTERM);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.error_number(), ESRCH);
    EXPECT_EQ(error.kind(), base::Kind::Conflict);
  }
}

TEST_F(ContainerTest, KillAllReachesEveryProcess) {
  Ends ends;
  Task task = run("trap '' TERM; sleep 100 & sleep 100", ends);
  task.kill_all();
  ASSERT_TRUE(ends.exit());
  EXPECT_EQ(ends.exit()->code, 137);
}

TEST_F(ContainerTest, AMissingProgramFailsWithDockersExitCodeAndLeavesNothing) {
  LaunchRequest wanted = request("true");
  const std::string from = R"("/bin/sh")";
  wanted.config_json.replace(wanted.config_json.find(from), from.size(), R"("/bin/nonsense")");
  Ends ends;
  try {
    supervisors_->launch(std::move(wanted), ends.callbacks());
    FAIL();
  } catch (const StepError& error) {
    EXPECT_EQ(error.exit_code(), 127) << error.what();
    EXPECT_NE(std::string(error.what()).find("/bin/nonsense"), std::string::npos) << error.what();
  }
  EXPECT_FALSE(std::filesystem::exists(run_directory_));
  EXPECT_FALSE(ends.lost(milliseconds(50)));
}

TEST_F(ContainerTest, AMalformedConfigFailsWithItsField) {
  LaunchRequest wanted = request("true");
  wanted.config_json = R"({"ociVersion":"1.2.0","process":{"args":"x"}})";
  EXPECT_THROW(supervisors_->launch(std::move(wanted), {}), StepError);
  EXPECT_FALSE(std::filesystem::exists(run_directory_));
}

TEST_F(ContainerTest, AttachedBeforeTheStartItGetsEveryByteInFrames) {
  Ends ends;
  os::Fd ours;
  const Task task = run_attached("echo out; sleep 0.1; echo err >&2", ends, ours);
  EXPECT_EQ(read_until_end(ours), frame(1, "out\n") + frame(2, "err\n"));
}

TEST_F(ContainerTest, HalfCloseOfTheFirstStdinEndsStdin) {
  Ends ends;
  os::Fd ours;
  const Task task = run_attached("cat; echo done", ends, ours, kInteractive);
  os::write_all(ours, "hello\n");
  ::shutdown(ours.get(), SHUT_WR);
  const std::string out = read_until_end(ours);
  EXPECT_NE(out.find("hello\n"), std::string::npos);
  EXPECT_NE(out.find("done\n"), std::string::npos);
  ASSERT_TRUE(ends.exit());
  EXPECT_EQ(ends.exit()->code, 0);
}

TEST_F(ContainerTest, InputWrittenBeforeTheStartIsNotLostThoughTheClientHasGone) {
  LaunchRequest wanted = request("cat", kInteractive);
  {
    AttachPair pair = attach_pair();
    wanted.attachments.push_back({std::move(pair.theirs), {true, true, true}});
    os::write_all(pair.ours, "early\n");
  }
  Ends ends;
  Task task = supervisors_->launch(std::move(wanted), ends.callbacks());
  ASSERT_TRUE(ends.exit());
  EXPECT_EQ(logged(), "early\n");
}

TEST_F(ContainerTest, WithoutStdinOnceTheEndOfInputEndsTheAttachmentAlone) {
  Ends ends;
  os::Fd ours;
  Task task = run_attached("cat", ends, ours, {.open_stdin = true});
  os::write_all(ours, "one\n");
  read_until(ours, "one\n");
  ::shutdown(ours.get(), SHUT_WR);
  EXPECT_EQ(read_until_end(ours), "");
  AttachPair again = attach_pair();
  task.attach({std::move(again.theirs), {true, true, true}});
  os::write_all(again.ours, "two\n");
  EXPECT_NE(read_until(again.ours, "two\n").find("two\n"), std::string::npos);
  task.signal(SIGKILL);
  EXPECT_TRUE(ends.exit());
}

TEST_F(ContainerTest, LargeInputArrivesWholeThroughASlowReader) {
  Ends ends;
  os::Fd ours;
  const Task task = run_attached("sleep 0.2; wc -c", ends, ours, kInteractive);
  std::jthread writer([&] {
    os::write_all(ours, std::string(3 << 20, 'i'));
    ::shutdown(ours.get(), SHUT_WR);
  });
  EXPECT_NE(read_until_end(ours).find(std::to_string(3 << 20)), std::string::npos);
}

TEST_F(ContainerTest, ATerminalIsRawAndFollowsItsSize) {
  Ends ends;
  os::Fd ours;
  LaunchRequest wanted = request("stty size; read x; stty size; echo got $x", kTerminal);
  wanted.window = {30, 100};
  AttachPair pair = attach_pair();
  wanted.attachments.push_back({std::move(pair.theirs), {true, true, true}});
  Task task = supervisors_->launch(std::move(wanted), ends.callbacks());
  EXPECT_EQ(read_until(pair.ours, "30 100\r\n"), "30 100\r\n");
  task.resize({40, 120});
  os::write_all(pair.ours, "word\n");
  const std::string out = read_until_end(pair.ours);
  EXPECT_NE(out.find("40 120\r\n"), std::string::npos) << out;
  EXPECT_NE(out.find("got word\r\n"), std::string::npos) << out;
  ASSERT_TRUE(ends.exit());
  EXPECT_NE(logged().find("got word\r\n"), std::string::npos);
}

TEST_F(ContainerTest, AStuckAttachmentHoldsTheContainerUpForABoundedTime) {
  Ends ends;
  os::Fd stuck;
  const auto before = std::chrono::steady_clock::now();
  Task task = run_attached("seq 1 400000; echo finished", ends, stuck);
  const auto exit = ends.exit(milliseconds(15'000));
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->code, 0);
  EXPECT_LT(std::chrono::steady_clock::now() - before, milliseconds(9000));
  const std::string text = logged();
  EXPECT_NE(text.find("\n400000\nfinished\n"), std::string::npos);
}

TEST_F(ContainerTest, AGrandchildThatHoldsThePipeDoesNotDelayTheEnd) {
  Ends ends;
  Shape shape;
  shape.own_pids = false;
  const auto before = std::chrono::steady_clock::now();
  const Task task = run("(setsid sleep 1000 &); echo last words; exit 5", ends, shape);
  const auto exit = ends.exit();
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->code, 5);
  EXPECT_LT(std::chrono::steady_clock::now() - before, milliseconds(400));
  EXPECT_EQ(logged(), "last words\n");
}

TEST_F(ContainerTest, PausesThawsAndUpdates) {
  Ends ends;
  Task task = run("while :; do echo tick; sleep 0.02; done", ends);
  task.freeze();
  EXPECT_TRUE(task.paused());
  std::this_thread::sleep_for(milliseconds(100));
  const std::size_t size = logged().size();
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_EQ(logged().size(), size);
  task.thaw();
  std::this_thread::sleep_for(milliseconds(200));
  EXPECT_GT(logged().size(), size);
  EXPECT_NO_THROW(task.update(R"({"pids":{"limit":50}})"));
  EXPECT_THROW(task.update(R"({"pids":{"limit":"many"}})"), base::Error);
  task.signal(SIGKILL);
  EXPECT_TRUE(ends.exit());
}

TEST_F(ContainerTest, TellsThatMemoryRanOut) {
  Ends ends;
  Shape shape;
  shape.resources = R"({"memory":{"limit":16777216,"swap":16777216}})";
  const Task task = run("exec dd if=/dev/zero of=/dev/null bs=64M", ends, shape);
  const auto exit = ends.exit();
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->code, 137);
  EXPECT_TRUE(exit->oom_killed);
  EXPECT_TRUE(ends.oom());
}

TEST_F(ContainerTest, ItsScoreForTheOomKillerIsNotTheSupervisors) {
  Ends ends;
  const Task task = run("cat /proc/self/oom_score_adj; sleep 0.2", ends);
  const std::string path = fmt::format("/proc/{}/oom_score_adj", task.supervisor_pid());
  // To lower the score takes CAP_SYS_RESOURCE (bit 24).
  const std::string status = os::read_file("/proc/self/status");
  const std::string mask = status.substr(status.find("CapEff:\t") + 8, 16);
  const bool able = (std::stoull(mask, nullptr, 16) >> 24 & 1) != 0;
  if (able) {
    EXPECT_EQ(os::read_file(path), "-999\n");
  }
  ASSERT_TRUE(ends.exit());
  EXPECT_EQ(logged(), "0\n");
}

TEST_F(ContainerTest, TurnsItsLogOverAndHasItCompressedThoughItEndsAtOnce) {
  LaunchRequest wanted = request("seq 1 30000");
  wanted.log.max_size_bytes = 500'000;
  wanted.log.max_files = 3;
  wanted.log.compress = true;
  Ends ends;
  Task task = supervisors_->launch(std::move(wanted), ends.callbacks());
  ASSERT_TRUE(ends.exit());
  EXPECT_TRUE(std::filesystem::exists(log_.string() + ".1.gz"));
  EXPECT_TRUE(std::filesystem::exists(log_.string() + ".2.gz"));
  EXPECT_FALSE(std::filesystem::exists(log_.string() + ".1"));
  EXPECT_FALSE(std::filesystem::exists(log_.string() + ".2"));
  EXPECT_FALSE(std::filesystem::exists(log_.string() + ".gz.tmp"));
  EXPECT_FALSE(std::filesystem::exists(log_.string() + ".3"));
  EXPECT_NE(logged().find("30000\n"), std::string::npos);
}

}  // namespace
}  // namespace wharf::supervise
