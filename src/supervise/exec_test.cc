#include <signal.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "os/pty.h"
#include "supervise/container_fixture.h"

namespace wharf::supervise {
namespace {

constexpr Streams kAll{true, true, true};

class ExecTest : public ContainerTest {
 protected:
  void start() { task_ = run("sleep 1000", ends_); }
  ExecRequest exec(const std::string& script, Streams streams = kAll, bool tty = false) {
    return {0, process(script, tty), tty, streams, {}};
  }
  void TearDown() override {
    if (started()) {
      task_.signal(SIGKILL);
      EXPECT_TRUE(ends_.exit());
    }
    task_ = Task();
    ContainerTest::TearDown();
  }
  bool started() const { return !run_directory_.empty(); }

  Ends ends_;
  Task task_;
};

TEST_F(ExecTest, HasItsOwnStreamsAndExitCode) {
  start();
  Exec made = task_.exec(exec("read x; echo out $x; echo err >&2; exit 9"));
  EXPECT_GT(made.pid, 0);
  os::write_all(made.in, "word\n");
  EXPECT_EQ(read_until_end(made.out), "out word\n");
  EXPECT_EQ(read_until_end(made.err), "err\n");
  EXPECT_EQ(ends_.exec(made.id), 9);
  EXPECT_EQ(logged(), "");
}

TEST_F(ExecTest, BringsTheIdThatTheCallerChose) {
  start();
  ExecRequest wanted = exec("exit 1", {});
  wanted.id = 4711;
  EXPECT_EQ(task_.exec(wanted).id, 4711u);
  EXPECT_EQ(ends_.exec(4711), 1);
}

TEST_F(ExecTest, SeesTheContainersProcessesAndHostname) {
  start();
  const Exec made =
      task_.exec(exec("tr '\\0' ' ' </proc/1/cmdline; cat /proc/sys/kernel/hostname"));
  const std::string out = read_until_end(made.out);
  EXPECT_NE(out.find("sleep 1000"), std::string::npos) << out;
  EXPECT_NE(out.find("box\n"), std::string::npos) << out;
}

TEST_F(ExecTest, AMissingProgramIsAStepError) {
  start();
  ExecRequest wanted = exec("true");
  wanted.process_json.replace(wanted.process_json.find("/bin/sh"), 7, "/bin/none");
  try {
    task_.exec(wanted);
    FAIL();
  } catch (const StepError& error) {
    EXPECT_EQ(error.step(), "exec");
    EXPECT_EQ(error.exit_code(), 127) << error.what();
  }
}

TEST_F(ExecTest, ATerminalCanBeResized) {
  start();
  ExecRequest wanted = exec("stty size; read x; stty size", kAll, true);
  wanted.window = {25, 90};
  const Exec made = task_.exec(wanted);
  EXPECT_EQ(read_until(made.pty, "\n"), "25 90\r\n");
  task_.exec_resize(made.id, {26, 91});
  os::write_all(made.pty, "\n");
  EXPECT_NE(read_until(made.pty, "26 91").find("26 91"), std::string::npos);
  EXPECT_EQ(ends_.exec(made.id), 0);
  EXPECT_THROW(task_.exec_resize(made.id, {1, 1}), base::Error);
}

TEST_F(ExecTest, CanBeSignalled) {
  start();
  const Exec made = task_.exec(exec("sleep 1000"));
  task_.exec_signal(made.id, SIGKILL);
  EXPECT_EQ(ends_.exec(made.id), 137);
  EXPECT_THROW(task_.exec_signal(made.id, SIGKILL), base::Error);
}

TEST_F(ExecTest, EndsWithItsProcessThoughABackgroundChildHoldsItsPipe) {
  start();
  const auto before = std::chrono::steady_clock::now();
  const Exec made = task_.exec(exec("sleep 25 & exit 4"));
  EXPECT_EQ(ends_.exec(made.id), 4);
  EXPECT_LT(std::chrono::steady_clock::now() - before, milliseconds(300));
}

TEST_F(ExecTest, EndsWithTheContainer) {
  start();
  const Exec made = task_.exec(exec("sleep 1000"));
  task_.signal(SIGKILL);
  ASSERT_TRUE(ends_.exit());
  EXPECT_EQ(ends_.exec(made.id), 137);
  run_directory_.clear();
}

TEST_F(ExecTest, ManyAtOnceEachGetTheirOwnAnswer) {
  start();
  std::vector<std::jthread> callers;
  std::atomic<int> good = 0;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&, i] {
      for (int round = 0; round < 5; ++round) {
        const Exec made = task_.exec(exec(fmt::format("echo {}.{}; exit {}", i, round, i)));
        if (read_until_end(made.out) == fmt::format("{}.{}\n", i, round) &&
            ends_.exec(made.id) == i) {
          ++good;
        }
      }
    });
  }
  callers.clear();
  EXPECT_EQ(good, 40);
}

}  // namespace
}  // namespace wharf::supervise
