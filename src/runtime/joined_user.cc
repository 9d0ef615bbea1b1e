// Init of a container that joins a user namespace by its path (runtime-spec, "Namespaces").
//
// What is made with clone3(2) belongs to the user namespace of the caller, and nobody comes back
// from one he has joined. So a process between the two joins it and makes init from inside:
//
//   caller                  usher                            init
//     clone3 ────────────────► (in the container's cgroup)
//                              setns: pid, user
//                              clone3(PARENT | NEW...) ───────► owned by the joined namespace,
//     reaps ◄───────────────── says the pid, ends               child of the caller
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "runtime/init.h"
#include "runtime/kernel.h"

namespace wharf::runtime {
namespace {

/// What the usher says, in memory that both have.
struct Said {
  pid_t init = -1;
  int error = 0;
  const char* step = "make namespaces";
};

bool join(const Init& init, std::uint64_t flag) {
  for (const Init::Join& each : std::span(init.joins, init.join_count)) {
    if (each.flag == flag && ::setns(each.fd, static_cast<int>(flag)) < 0) return false;
  }
  return true;
}

[[noreturn]] void run_usher(Init& init, int callers_end, Said& said) {
  const auto give_up = [&](const char* step) {
    said.error = errno;
    said.step = step;
    ::_exit(1);
  };
  if (init.inputs.end_with_caller) ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  // While privileged: the pid namespace of a child is chosen by its parent.
  if (!join(init, CLONE_NEWPID)) give_up("join pid namespace");
  if (!join(init, CLONE_NEWUSER)) give_up("join user namespace");
  if (::syscall(SYS_setresgid, 0, 0, 0) < 0 || ::syscall(SYS_setresuid, 0, 0, 0) < 0) {
    give_up("become root of the user namespace");
  }
  clone_args arguments{};
  arguments.flags = init.new_namespaces | CLONE_PARENT | CLONE_PARENT_SETTID;
  // By the kernel: the usher may be killed before it could say it.
  arguments.parent_tid = reinterpret_cast<std::uint64_t>(&said.init);
  const long pid = kernel::clone3(arguments);
  if (pid == 0) {
    ::close(callers_end);
    run_init(init);
  }
  if (pid < 0) give_up("make namespaces");
  ::_exit(0);
}

}  // namespace

const oci::Namespace* joined_user_namespace(const oci::Spec& spec) {
  const oci::Namespace* user = spec.find_namespace(CLONE_NEWUSER);
  return user != nullptr && !user->path.empty() ? user : nullptr;
}

pid_t clone_in_joined_user(Init& init, int callers_end, int& pidfd, Failure& failure) {
  void* page =
      ::mmap(nullptr, sizeof(Said), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) {
    (void)failure.because_of_errno("make shared memory");
    return -1;
  }
  Said& said = *new (page) Said();
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  if (init.group.unified_directory() >= 0) {
    arguments.flags = CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<std::uint64_t>(init.group.unified_directory());
  }
  const long usher = kernel::clone3(arguments);
  if (usher == 0) run_usher(init, callers_end, said);
  if (usher < 0) said.error = errno;
  while (usher > 0 && ::waitpid(static_cast<pid_t>(usher), nullptr, __WALL) < 0 && errno == EINTR) {
  }
  pid_t born = said.init;
  errno = said.error;
  if (born < 0) (void)failure.because_of_errno(said.step);
  ::munmap(page, sizeof(Said));
  if (born < 0) return -1;
  // Our child, not yet reaped: its number cannot have been given to another.
  pidfd = kernel::pidfd_open(born);
  if (pidfd >= 0) return born;
  (void)failure.because_of_errno("open init");
  ::kill(born, SIGKILL);
  while (::waitpid(born, nullptr, __WALL) < 0 && errno == EINTR) {
  }
  return -1;
}

}  // namespace wharf::runtime
