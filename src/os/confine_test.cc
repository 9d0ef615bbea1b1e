#include "os/confine.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "os/file.h"

namespace wharf::os {
namespace {

/// The wait status of a child that ran `act` and left by its return value.
int status_of(const std::function<int()>& act) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      ::_exit(act());
    } catch (...) {
      ::_exit(99);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

TEST(Confine, ChangedRootHidesEverythingElse) {
  TempDirectory root;
  replace_file(root.path() / "inside", "x", 0600);
  const int status = status_of([&] {
    change_root(open_file(root.path(), O_RDONLY | O_DIRECTORY));
    if (::access("/inside", F_OK) != 0) return 1;
    return ::access("/etc/passwd", F_OK) == 0 ? 2 : 0;
  });
  EXPECT_EQ(status, 0);
}

TEST(Confine, LandlockRefusesFilesOutsideAlsoByAnOpenDescriptor) {
  TempDirectory root;
  const int status = status_of([&] {
    const Fd elsewhere = open_file("/etc", O_RDONLY | O_DIRECTORY);
    limit_process({});
    if (!restrict_files_to(open_file(root.path(), O_RDONLY | O_DIRECTORY))) return 0;
    if (::openat(elsewhere.get(), "passwd", O_RDONLY) >= 0) return 1;
    return ::open((root.path() / "new").c_str(), O_WRONLY | O_CREAT, 0600) >= 0 ? 0 : 2;
  });
  EXPECT_EQ(status, 0);
}

TEST(Confine, CapabilitiesNotKeptAreGone) {
  const int status = status_of([] {
    const int kept[] = {CAP_CHOWN};
    keep_capabilities(kept);
    if (::chroot("/") == 0) return 1;
    // Not setuid(3): it asks every thread, and the one that tsan starts in each process kept its
    // capabilities.
    return ::syscall(SYS_setuid, 12345) == 0 ? 2 : 0;
  });
  EXPECT_EQ(status, 0);
}

TEST(Confine, SystemCallOutsideTheListEndsTheProcess) {
  const int status = status_of([] {
    limit_process({});
    const int allowed[] = {SYS_exit_group, SYS_getpid};
    allow_only(allowed);
    ::syscall(SYS_getpid);
    ::syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
    ::syscall(SYS_exit_group, 0);
    return 0;
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGSYS);
}

}  // namespace
}  // namespace wharf::os
