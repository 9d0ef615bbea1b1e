#include "runtime/init.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "runtime/kernel.h"

namespace wharf::runtime {
namespace {

void end_with_caller(const Init& init) {
  if (init.inputs.end_with_caller) ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

void start_clean(Init& init) {
  end_with_caller(init);
  // Not visible to, nor traceable by, whoever shares our namespaces while we hold descriptors
  // of the host (CVE-2016-9962); execve makes the process dumpable again.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // execve gives handlers back; what is ignored stays ignored, and callers ignore these.
  for (const int number : {SIGPIPE, SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2,
                           SIGTTIN, SIGTTOU, SIGTSTP, SIGWINCH, SIGXFSZ}) {
    ::signal(number, SIG_DFL);
  }
  ::umask(0);
  ::setsid();
}

void join_namespaces(Init& init) {
  for (std::size_t i = 0; i < init.join_count; ++i) {
    const Init::Join& join = init.joins[i];
    // The pid namespace of a child is chosen before it exists, and the user namespace owns the
    // others: the caller did that.
    if (join.flag == CLONE_NEWPID || join.flag == CLONE_NEWUSER) continue;
    init.report.check(::setns(join.fd, static_cast<int>(join.flag)), "join namespace");
    ::close(join.fd);
  }
}

void become_mapped_root(Init& init) {
  if (!init.in_user_namespace() || joined_user_namespace(init.spec) != nullptr) return;
  init.report.expect(News::Go);
  init.report.check(::syscall(SYS_setresgid, 0, 0, 0), "become gid 0 of the user namespace");
  init.report.check(::syscall(SYS_setresuid, 0, 0, 0), "become uid 0 of the user namespace");
  end_with_caller(init);
}

/// Offsets can be set only while no process is in the namespace: execve brings us into it.
void make_time_namespace(Init& init) {
  const oci::Namespace* own = init.spec.find_namespace(CLONE_NEWTIME);
  if (own == nullptr || !own->path.empty()) return;
  init.report.check(::unshare(CLONE_NEWTIME), "make a time namespace");
  if (init.spec.time_offsets.empty()) return;
  const int fd = init.report.check(::open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC),
                                   "open time offsets");
  for (const oci::TimeOffset& offset : init.spec.time_offsets) {
    const base::Text<127> line(offset.clock, " ", offset.seconds, " ", offset.nanoseconds, "\n");
    init.report.check(::write(fd, line.c_str(), line.size()), "set time offset");
  }
  ::close(fd);
}

void make_working_directory(Init& init) {
  const std::string_view cwd = init.spec.process->cwd;
  if (cwd == "/") return;
  // What lies below /proc is the kernel's: nothing is made there, chdir will tell.
  if (cwd.starts_with("/proc")) return;
  ::close(make_inside(init.report, init.root, cwd, Kind::Directory));
}

void run_stage(Init& init, std::span<const oci::Hook> hooks, const char* stage,
               const char* status) {
  if (hooks.empty()) return;
  const HookState state{init.inputs.id, init.inputs.bundle, status, ::getpid(),
                        init.spec.annotations};
  base::Failure failure;
  if (!run_hooks(hooks, stage, state, failure)) {
    init.report.send(failure, News::HookFailed);
  }
}

void let_caller_run_hooks(Init& init) {
  const oci::Hooks& hooks = init.spec.hooks;
  if (hooks.prestart.empty() && hooks.create_runtime.empty()) return;
  if (!send_news(init.report.channel(), News::Hooks)) ::_exit(1);
  init.report.expect(News::Go);
}

/// Tells that all is ready, and waits for whoever starts the container.
void await_start(Init& init) {
  if (!send_news(init.report.channel(), News::Created)) ::_exit(1);
  if (init.inputs.start_socket < 0) return init.report.expect(News::Start);
  ::close(init.report.channel());
  int starter = -1;
  do {
    starter = ::accept4(init.inputs.start_socket, nullptr, nullptr, SOCK_CLOEXEC);
  } while (starter < 0 && errno == EINTR);
  if (starter < 0) ::_exit(1);
  ::close(init.inputs.start_socket);
  init.report.use(starter);
  init.report.expect(News::Start);
}

/// Descriptors above the standard ones and those asked for close when the program starts.
void close_rest(Init& init) {
  const unsigned first = 3 + init.inputs.preserved_descriptors;
  init.report.check(kernel::close_range(first, ~0U, CLOSE_RANGE_CLOEXEC), "close descriptors");
}

void set_personality(Init& init) {
  if (!init.spec.personality) return;
  init.report.check(::personality(*init.spec.personality), "set personality");
}

/// In a user namespace the caller does it: only who is privileged outside raises hard limits.
void raise_own_limits(Init& init) {
  if (init.in_user_namespace()) return;
  base::Failure failure;
  if (!raise_limits(*init.spec.process, failure)) init.report.send(failure);
}

/// When no further descriptor is needed: a limit of four must not keep init from its start.
void set_limits(Init& init) {
  if (init.in_user_namespace()) return;
  base::Failure failure;
  if (!apply_limits(0, *init.spec.process, failure)) init.report.send(failure);
}

void build_root(Init& init) {
  attach_root(init);
  mount_all(init);
  make_devices(init);
  hide_paths(init);
  make_working_directory(init);
}

void take_streams(Init& init) {
  if (init.spec.process->terminal) {
    open_console(init.report, init.root, *init.spec.process, Console::Mounted);
    control_terminal(init.report);
  } else {
    take_stdio(init.report, init.inputs.stdio, init.spec.process->uid);
  }
}

}  // namespace

bool Init::in_user_namespace() const {
  return spec.find_namespace(CLONE_NEWUSER) != nullptr;
}

bool Init::has_own_mounts() const {
  return spec.find_namespace(CLONE_NEWNS) != nullptr;
}

void run_init(Init& init) {
  const oci::Process& process = *init.spec.process;
  start_clean(init);
  join_namespaces(init);
  become_mapped_root(init);
  make_time_namespace(init);
  set_names(init);
  build_root(init);
  await_cgroup(init);
  write_sysctls(init);
  let_caller_run_hooks(init);
  run_stage(init, init.spec.hooks.create_container, "createContainer", "creating");
  take_streams(init);
  enter_root(init);
  if (!process.terminal) reopen_null(init.inputs.stdio);
  if (init.inputs.new_keyring) join_keyring(init.report, init.inputs.id);
  set_personality(init);
  char** environment = complete_environment(process);
  write_labels(init.report, process);
  raise_own_limits(init);
  take_identity(init.report, process, init.seccomp >= 0);
  end_with_caller(init);
  enter_working_directory(init.report, process);
  base::PathText program;
  // Without a process (OCI: it is needed at start) there is nothing to look for yet.
  if (!process.args.empty()) find_program(init.report, process, program);
  Filter filter = map_filter(init.report, init.seccomp, init.seccomp_flags);
  await_start(init);
  run_stage(init, init.spec.hooks.start_container, "startContainer", "created");
  filter.page = share_listener_page(init.report, filter);
  set_limits(init);
  close_rest(init);
  finish_identity(init.report, process, filter);
  execute(program.c_str(), process.args.data(), environment);
}

}  // namespace wharf::runtime
