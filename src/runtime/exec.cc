// A further process in a running container: joined by a process that the container never sees
// with any descriptor of the host (CVE-2016-9962, CVE-2019-5736). The chart is in launch.h.
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "runtime/init.h"
#include "runtime/kernel.h"

namespace wharf::runtime {
namespace {

/// All that the process needs once it exists; prepared by the joiner, in memory they share.
struct Prepared {
  Report report;
  const oci::Process& process;
  Filter filter;
  bool end_with_caller;
  const char* program;
  char** environment;
};

[[noreturn, gnu::noinline]] void run_process(Prepared& prepared) {
  if (prepared.end_with_caller) ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  ::setsid();
  if (prepared.process.terminal) control_terminal(prepared.report);
  finish_identity(prepared.report, prepared.process, prepared.filter);
  execute(prepared.program, prepared.process.args.data(), prepared.environment);
}

/// clone3 as vfork(2) does it: the new process runs on our stack, and we wait until it has
/// executed. Inlined, because a wrapper's return address would lie where it writes.
[[gnu::always_inline]] inline long vfork_into(const clone_args& arguments) {
  long result = SYS_clone3;
  asm volatile("syscall"
               : "+a"(result)
               : "D"(&arguments), "S"(sizeof arguments)
               : "rcx", "r11", "memory");
  return result;
}

[[gnu::noinline]] long start_process(Prepared& prepared, ExecNotes& notes) {
  clone_args arguments{};
  arguments.flags = CLONE_VM | CLONE_VFORK | CLONE_PARENT | CLONE_PARENT_SETTID;
  // By the kernel, before the process runs: the joiner may be killed while it waits, and the
  // process is a child of the caller, who must know of it to reap it.
  static_assert(sizeof notes.pid == sizeof(pid_t));
  arguments.parent_tid = reinterpret_cast<std::uint64_t>(&notes.pid);
  const long pid = vfork_into(arguments);
  if (pid == 0) run_process(prepared);
  return pid;
}

struct Joiner {
  const oci::Process& process;
  const Target& target;
  Report report;
  int terminal_channel;
};

void enter_groups(Joiner& joiner) {
  const oci::Process& process = joiner.process;
  if (process.oom_score_adj) {
    const base::Text<15> digits(*process.oom_score_adj);
    const int fd = joiner.report.check(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC),
                                       "open oom_score_adj");
    joiner.report.check(::write(fd, digits.c_str(), digits.size()), "set oom_score_adj");
    ::close(fd);
  }
  base::Failure failure;
  const cgroup::Group* group = joiner.target.group;
  if (group != nullptr && group->unified_directory() < 0 && !joiner.target.group->add(0, failure)) {
    joiner.report.send(failure);
  }
  // While we still may; they are lowered when no more descriptors are needed.
  if (!raise_limits(process, failure)) joiner.report.send(failure);
}

/// Who shares the runtime's mounts has its root by chroot(2) alone.
void enter_root_of_init(Joiner& joiner) {
  const base::Text<63> path("/proc/", joiner.target.init_pid, "/root");
  joiner.report.check(::chroot(path.c_str()), "enter the container's root");
  joiner.report.check(::chdir("/"), "enter /");
}

void enter_namespaces(Joiner& joiner) {
  const auto flags = static_cast<int>(joiner.target.namespaces);
  if ((flags & CLONE_NEWNS) == 0) enter_root_of_init(joiner);
  const bool has_user = (flags & CLONE_NEWUSER) != 0;
  if (has_user) give_streams(joiner.target.init_pid, joiner.target.stdio, joiner.process.uid);
  joiner.report.check(::setns(joiner.target.init_pidfd, flags), "join the container's namespaces");
  if (!has_user) return;
  joiner.report.check(::syscall(SYS_setresgid, 0, 0, 0), "become gid 0 of the user namespace");
  joiner.report.check(::syscall(SYS_setresuid, 0, 0, 0), "become uid 0 of the user namespace");
}

void take_streams(Joiner& joiner) {
  if (!joiner.process.terminal) {
    return take_stdio(joiner.report, joiner.target.stdio, joiner.process.uid);
  }
  const int root = joiner.report.check(::open("/", O_PATH | O_CLOEXEC), "open /");
  Report report(joiner.terminal_channel, nullptr);
  open_console(report, root, joiner.process, Console::StreamsOnly);
  ::close(root);
}

[[noreturn]] void run_joiner(Joiner& joiner, ExecNotes& notes) {
  // Descriptors at 3 and above that stay: those the caller was asked to pass on.
  const unsigned first = 3 + joiner.target.preserved_descriptors;
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (joiner.target.end_with_caller) ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGPIPE, SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2,
                           SIGTTIN, SIGTTOU, SIGTSTP, SIGWINCH, SIGXFSZ}) {
    ::signal(number, SIG_DFL);
  }
  ::umask(0);
  enter_groups(joiner);
  enter_namespaces(joiner);
  take_streams(joiner);
  join_keyring(joiner.report, joiner.target.id);
  char** environment = complete_environment(joiner.process);
  write_labels(joiner.report, joiner.process);
  Filter filter = map_filter(joiner.report, joiner.target.seccomp, joiner.target.seccomp_flags);
  if (notifies(filter)) filter.page = &notes.listener;
  base::Failure failure;
  if (!apply_limits(0, joiner.process, failure)) joiner.report.send(failure);
  take_identity(joiner.report, joiner.process, joiner.target.seccomp >= 0);
  enter_working_directory(joiner.report, joiner.process);
  base::PathText program;
  find_program(joiner.report, joiner.process, program);
  Prepared prepared{joiner.report,   joiner.process, filter, joiner.target.end_with_caller,
                    program.c_str(), environment};
  joiner.report.check(kernel::close_range(first, ~0U, 0), "close descriptors");
  const long pid = start_process(prepared, notes);
  if (pid < 0) {
    errno = static_cast<int>(-pid);
    joiner.report.fail_errno("start process");
  }
  ::_exit(0);
}

bool clone_joiner(const Target& target, Task& task, Failure& failure, bool& is_joiner) {
  clone_args arguments{};
  arguments.flags = CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&task.channel);
  arguments.exit_signal = SIGCHLD;
  const int unified = target.group != nullptr ? target.group->unified_directory() : -1;
  if (unified >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<std::uint64_t>(unified);
  }
  const long pid = kernel::clone3(arguments);
  is_joiner = pid == 0;
  task.joiner = static_cast<pid_t>(pid);
  return pid >= 0 || failure.because_of_errno("make a process");
}

void drop_notes(Task& task) {
  if (task.notes != nullptr) ::munmap(task.notes, sizeof(ExecNotes));
  task.notes = nullptr;
}

void reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, __WALL) < 0 && errno == EINTR) {
  }
}

/// The new process exists, though a step before its execve failed: it has ended.
bool take_failure(Task& task, Failure& failure) {
  const ExecNotes& notes = *task.notes;
  if (notes.pid > 0) reap(notes.pid);
  failure.error = notes.error;
  const std::string_view words = notes.text[0] != '\0' ? notes.text : "the joining process ended";
  (void)failure.because(words);
  drop_notes(task);
  close_task(task);
  task.pid = -1;
  return false;
}

/// The listener is there when the process runs its last steps; an end of the joiner comes first
/// only when something failed, and finish_exec() says what.
bool hand_over(const Target& target, Task& task, Failure& failure) {
  if ((target.seccomp_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) == 0) return true;
  const bool done = hand_over_listener(task.notes->listener, task.notes->pid, target.listener,
                                       task.channel, failure);
  if (done || !failure.failed()) return true;
  abandon_exec(task);
  return false;
}

}  // namespace

bool exec_process(const oci::Process& process, const Target& target, Task& task, Failure& failure) {
  void* page =
      ::mmap(nullptr, sizeof(ExecNotes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return failure.because_of_errno("make shared memory");
  task.notes = new (page) ExecNotes();
  int ends[2] = {-1, -1};
  if (process.terminal && make_channel(ends) < 0) {
    drop_notes(task);
    return failure.because_of_errno("make a channel");
  }
  bool is_joiner = false;
  const bool cloned = clone_joiner(target, task, failure, is_joiner);
  if (is_joiner) {
    Joiner joiner{process, target, Report(-1, task.notes), ends[1]};
    run_joiner(joiner, *task.notes);
  }
  if (ends[1] >= 0) ::close(ends[1]);
  task.terminal_channel = ends[0];
  if (cloned) return hand_over(target, task, failure);
  drop_notes(task);
  close_task(task);
  return false;
}

void abandon_exec(Task& task) {
  if (task.joiner <= 0) return;
  ::kill(task.joiner, SIGKILL);
  reap(task.joiner);
  // Our child as well (CLONE_PARENT), where it came so far.
  if (task.notes->pid > 0) {
    ::kill(task.notes->pid, SIGKILL);
    reap(task.notes->pid);
  }
  drop_notes(task);
  close_task(task);
}

bool finish_exec(Task& task, Failure& failure) {
  reap(task.joiner);
  task.joiner = -1;
  ::close(task.channel);
  task.channel = -1;
  if (task.terminal_channel >= 0) {
    Message message;
    (void)receive(task.terminal_channel, message, &task.terminal);
    ::close(task.terminal_channel);
    task.terminal_channel = -1;
    if (message.news == News::Failed) {
      failure.error = message.number;
      (void)failure.because(std::string_view(message.text));
    }
  }
  if (task.notes->pid <= 0 || task.notes->text[0] != '\0') return take_failure(task, failure);
  task.pid = task.notes->pid;
  drop_notes(task);
  // Our child, not yet reaped: its number cannot have been given to another.
  task.pidfd = kernel::pidfd_open(task.pid);
  return task.pidfd >= 0 || failure.because_of_errno("open the process");
}

}  // namespace wharf::runtime
