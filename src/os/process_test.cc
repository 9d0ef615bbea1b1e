#include "os/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/file.h"

namespace wharf::os {
namespace {

using std::chrono::milliseconds;

SpawnRequest shell(const std::string& script) {
  SpawnRequest request;
  request.program = "/bin/sh";
  request.arguments = {"-c", script};
  return request;
}

TEST(Process, ReportsExitCodeAndSignal) {
  EXPECT_EQ(Process::spawn(shell("exit 7")).wait().shell_code(), 7);
  const Ended ended = Process::spawn(shell("kill -TERM $$")).wait();
  EXPECT_EQ(ended.signal, SIGTERM);
  EXPECT_EQ(ended.shell_code(), 143);
}

TEST(Process, FindsItsDescriptorsAtTheNumbersAskedForAndNoOthers) {
  Pipe pipe = make_pipe();
  const Fd leaked = open_file("/dev/null", O_RDONLY);
  ::fcntl(leaked.get(), F_SETFD, 0);
  SpawnRequest request = shell("ls /proc/self/fd | tr '\\n' ' '; echo via5 >&5");
  request.descriptors = {{&pipe.write, 1}, {&pipe.write, 5}};
  const Process process = Process::spawn(request);
  pipe.write.reset();
  const std::string out = read_all(pipe.read, 1000);
  EXPECT_EQ(process.wait().code, 0);
  // 3 is ls's own.
  EXPECT_EQ(out, "0 1 2 3 5 via5\n");
}

TEST(Process, SwapsDescriptorsWhoseNumbersCollide) {
  TempDirectory temp;
  const Fd a = open_file(temp.path() / "a", O_WRONLY | O_CREAT, 0600);
  const Fd b = open_file(temp.path() / "b", O_WRONLY | O_CREAT, 0600);
  SpawnRequest request = shell(fmt::format("echo to-b >&{}; echo to-a >&{}", a.get(), b.get()));
  request.descriptors = {{&b, a.get()}, {&a, b.get()}};
  EXPECT_EQ(Process::spawn(request).wait().code, 0);
  EXPECT_EQ(read_file(temp.path() / "a"), "to-a\n");
  EXPECT_EQ(read_file(temp.path() / "b"), "to-b\n");
}

TEST(Process, StartsWithCleanSignalsEnvironmentAndItsOwnSession) {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  Pipe pipe = make_pipe();
  SpawnRequest request = shell("grep SigBlk /proc/self/status; echo $A$HOME; ps -o sid= -p $$");
  request.environment = {"A=1"};
  request.new_session = true;
  request.descriptors = {{&pipe.write, 1}};
  const Process process = Process::spawn(request);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pipe.write.reset();
  const std::string out = read_all(pipe.read, 1000);
  process.wait();
  EXPECT_NE(out.find("SigBlk:\t0000000000000000\n1\n"), std::string::npos) << out;
  EXPECT_NE(out.find(std::to_string(process.pid())), std::string::npos) << out;
}

TEST(Process, AProgramThatIsNotThereIsAnErrorWithItsName) {
  SpawnRequest request;
  request.program = "/nonexistent/program";
  try {
    Process::spawn(request);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.error_number(), ENOENT);
    EXPECT_STREQ(error.what(), "start /nonexistent/program: no such file or directory");
  }
}

TEST(Process, SignalsOnlyTheProcessItKnows) {
  const Process process = Process::spawn(shell("exec sleep 100"));
  EXPECT_FALSE(process.ended_within(milliseconds(0)));
  EXPECT_FALSE(process.reap().has_value());
  EXPECT_TRUE(process.signal(SIGKILL));
  EXPECT_TRUE(process.ended_within(milliseconds(2000)));
  EXPECT_EQ(process.wait().signal, SIGKILL);
  EXPECT_FALSE(process.signal(SIGKILL));
}

}  // namespace
}  // namespace wharf::os
