// Hooks: programs of the host, told the container's state on their standard input.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "runtime/init.h"
#include "runtime/kernel.h"

namespace wharf::runtime {
namespace {

using StateText = base::Text<32767>;

}  // namespace

void put_state(const HookState& state, base::Writer& into) {
  into.put("{\"ociVersion\":\"1.2.0\",\"id\":", base::Quoted{state.id},
           ",\"status\":", base::Quoted{state.status}, ",\"pid\":", state.pid,
           ",\"bundle\":", base::Quoted{state.bundle});
  if (!state.annotations.empty()) {
    into.put(",\"annotations\":{");
    bool first = true;
    for (const oci::Setting& one : state.annotations) {
      into.put(first ? "" : ",", base::Quoted{one.name}, ":", base::Quoted{one.value});
      first = false;
    }
    into.put("}");
  }
  into.put("}");
}

namespace {

[[noreturn]] void become_hook(const oci::Hook& hook, int input) {
  ::dup2(input, 0);
  char* only_path[2] = {const_cast<char*>(hook.path.data()), nullptr};
  char* empty[1] = {nullptr};
  char** arguments = hook.args.empty() ? only_path : hook.args.data();
  ::execve(hook.path.data(), arguments, hook.env.data() != nullptr ? hook.env.data() : empty);
  ::_exit(127);
}

/// False when the time is over.
bool wait_until_end(int pidfd, const oci::Hook& hook) {
  constexpr int kSecondMs = 1000;
  const int limit = hook.timeout_seconds ? static_cast<int>(*hook.timeout_seconds) * kSecondMs : -1;
  pollfd ready{pidfd, POLLIN, 0};
  int result = 0;
  do {
    result = ::poll(&ready, 1, limit);
  } while (result < 0 && errno == EINTR);
  return result > 0;
}

bool judge(const oci::Hook& hook, const char* stage, int status, Failure& failure) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  if (WIFSIGNALED(status)) {
    return failure.because(stage, " hook ", hook.path, ": ended by signal ", WTERMSIG(status));
  }
  return failure.because(stage, " hook ", hook.path, ": exit status ", WEXITSTATUS(status));
}

bool run_hook(const oci::Hook& hook, const char* stage, std::string_view state, Failure& failure) {
  int input[2];
  if (::pipe2(input, O_CLOEXEC) < 0) return failure.because_of_errno("make a pipe");
  int pidfd = -1;
  clone_args arguments{};
  arguments.flags = CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  const long pid = kernel::clone3(arguments);
  if (pid == 0) become_hook(hook, input[0]);
  // Fits into the pipe's buffer, so that a hook that does not read cannot stop us; nor kill us by
  // SIGPIPE, as we hold the other end too.
  if (pid > 0) (void)!::write(input[1], state.data(), state.size());
  ::close(input[0]);
  ::close(input[1]);
  if (pid < 0) return failure.because_of_errno("start ", stage, " hook ", hook.path);
  const bool in_time = wait_until_end(pidfd, hook);
  if (!in_time) (void)kernel::pidfd_send_signal(pidfd, SIGKILL);
  ::close(pidfd);
  int status = 0;
  while (::waitpid(static_cast<pid_t>(pid), &status, __WALL) < 0 && errno == EINTR) {
  }
  if (!in_time) {
    return failure.because(stage, " hook ", hook.path, ": not done after ", *hook.timeout_seconds,
                           " s");
  }
  return judge(hook, stage, status, failure);
}

}  // namespace

bool run_hooks(std::span<const oci::Hook> hooks, const char* stage, const HookState& state,
               Failure& failure) {
  if (hooks.empty()) return true;
  StateText text;
  put_state(state, text);
  if (text.truncated()) return failure.because(stage, " hooks: the annotations are too long");
  for (const oci::Hook& hook : hooks) {
    if (!run_hook(hook, stage, text.view(), failure)) return false;
  }
  return true;
}

}  // namespace wharf::runtime
