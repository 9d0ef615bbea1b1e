// exec: a further process in a running container.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "runtime/container.h"
#include "runtime/kernel.h"

namespace wharf::runtime {
namespace {

struct ExecOptions {
  std::string_view process_file;
  std::string_view console_socket;
  std::string_view pid_file;
  std::string_view cwd;
  std::string_view user;
  std::string_view preserve;
  std::string_view apparmor;
  std::string_view process_label;
  std::span<char*> environment;
  std::span<char*> capabilities;
  std::span<char*> groups;
  bool terminal = false;
  bool detach = false;
  bool no_new_privileges = false;
  bool ignore_paused = false;
};

bool take_exec_options(Call& call, ExecOptions& given) {
  std::string_view ignored;
  bool ignored_flag = false;
  const Option options[] = {{"process", "p", &given.process_file},
                            {"console-socket", "", &given.console_socket},
                            {"pid-file", "", &given.pid_file},
                            {"cwd", "", &given.cwd},
                            {"user", "u", &given.user},
                            {"preserve-fds", "", &given.preserve},
                            {"apparmor", "", &given.apparmor},
                            {"process-label", "", &given.process_label},
                            {"cgroup", "", &ignored},
                            {"env", "e", nullptr, nullptr, &given.environment},
                            {"cap", "c", nullptr, nullptr, &given.capabilities},
                            {"additional-gids", "g", nullptr, nullptr, &given.groups},
                            {"tty", "t", nullptr, &given.terminal},
                            {"detach", "d", nullptr, &given.detach},
                            {"no-new-privs", "", nullptr, &given.no_new_privileges},
                            {"no-subreaper", "", nullptr, &ignored_flag},
                            {"ignore-paused", "", nullptr, &given.ignore_paused}};
  if (!take_options(call.arena, call.arguments, options, call.failure)) return false;
  return ignored.empty() || call.failure.because("--cgroup is not supported");
}

bool read_number(std::string_view text, std::uint32_t& into, base::Failure& failure) {
  std::uint64_t number = 0;
  // A number is a number and never a name (A13).
  if (!base::parse_number(text, number) || number > INT32_MAX) {
    return failure.because("not a valid id: ", text);
  }
  into = static_cast<std::uint32_t>(number);
  return true;
}

bool apply_user(const ExecOptions& given, oci::Process& process, Call& call) {
  if (!given.user.empty()) {
    std::string_view rest = given.user;
    const bool has_group = rest.find(':') != rest.npos;
    if (!read_number(base::split(rest, ':'), process.uid, call.failure)) return false;
    if (has_group && !read_number(rest, process.gid, call.failure)) return false;
  }
  if (given.groups.empty()) return true;
  process.additional_gids = call.arena.array<std::uint32_t>(given.groups.size());
  std::size_t index = 0;
  for (const char* group : given.groups) {
    if (!read_number(group, process.additional_gids[index++], call.failure)) return false;
  }
  return true;
}

bool apply_capabilities(const ExecOptions& given, oci::Process& process, Call& call) {
  for (const char* name : given.capabilities) {
    const int number = oci::capability_number(name);
    if (number < 0) return call.failure.because("unknown capability ", name);
    if (!process.capabilities) process.capabilities.emplace();
    const std::uint64_t bit = std::uint64_t{1} << number;
    process.capabilities->bounding |= bit;
    process.capabilities->permitted |= bit;
    process.capabilities->effective |= bit;
  }
  return true;
}

bool apply_environment(const ExecOptions& given, oci::Process& process, Call& call) {
  if (given.environment.empty()) return true;
  const std::span<char*> all =
      call.arena.array<char*>(process.env.size() + given.environment.size() + 1);
  if (all.empty()) return call.failure.because("too many variables");
  std::size_t count = 0;
  for (char* entry : process.env) all[count++] = entry;
  for (char* entry : given.environment) all[count++] = entry;
  process.env = all.first(count);
  return true;
}

/// From --process, or the container's own process with what the options change.
bool make_process(const ExecOptions& given, const oci::Spec& spec, oci::Process& process,
                  Call& call) {
  if (!given.process_file.empty()) {
    const std::span<char> text =
        read_whole(call.arena, AT_FDCWD, given.process_file.data(), call.failure);
    if (text.empty() || !oci::parse_process(call.arena, text, process, call.failure)) return false;
    // As runc: --tty beside --process counts only when the process says so as well.
    return true;
  }
  if (call.arguments.empty()) return call.failure.because("process args cannot be empty");
  if (spec.process) process = *spec.process;
  process.args = call.arguments;
  process.terminal = given.terminal;
  process.no_new_privileges |= given.no_new_privileges;
  if (!given.cwd.empty()) process.cwd = given.cwd;
  if (!given.apparmor.empty()) process.apparmor_profile = given.apparmor;
  if (!given.process_label.empty()) process.selinux_label = given.process_label;
  return apply_user(given, process, call) && apply_capabilities(given, process, call) &&
         apply_environment(given, process, call);
}

bool check_running(const ExecOptions& given, const Container& container, base::Failure& failure) {
  const Status status = container.status();
  if (status == Status::Stopped) return failure.because("cannot exec in a stopped container");
  if (status == Status::Paused && !given.ignore_paused) {
    return failure.because("cannot exec in a paused container (use --ignore-paused to override)");
  }
  return true;
}

/// The kinds that differ from ours: setns(2) refuses to join our own user namespace.
std::uint64_t differing_namespaces(const oci::Spec& spec) {
  const Inputs none;
  return namespaces_of(spec, none);
}

bool fill_target(const ExecOptions& given, Container& container, const oci::Process& process,
                 Target& target, base::Failure& failure) {
  target.id = container.state.id;
  target.init_pid = container.state.pid;
  target.init_pidfd = kernel::pidfd_open(target.init_pid);
  if (target.init_pidfd < 0) return failure.because_of_errno("open the container's init");
  // Between reading the state and opening the pid it could have been given to another.
  if (start_time_of(target.init_pid) != container.state.start_time) {
    return failure.because("cannot exec in a stopped container");
  }
  target.namespaces = differing_namespaces(container.spec);
  target.group = &container.group;
  std::uint64_t preserved = 0;
  if (!given.preserve.empty() && !base::parse_number(given.preserve, preserved)) {
    return failure.because("--preserve-fds needs a number");
  }
  target.preserved_descriptors = static_cast<unsigned>(preserved);
  for (int stream = 0; stream < 3; ++stream) target.stdio[stream] = stream;
  if (container.spec.seccomp != nullptr) {
    target.seccomp = compile_seccomp_file(*container.spec.seccomp, target.seccomp_flags, failure);
    if (failure.failed()) return false;
    target.listener = listener_of(container.spec, container.hook_state("running"));
  }
  if (!process.terminal) {
    return given.console_socket.empty() ||
           failure.because("cannot use console socket if runc will not detach or allocate tty");
  }
  if (given.console_socket.empty()) {
    return !given.detach || failure.because(
                                "cannot allocate tty if runc will detach without "
                                "setting console socket");
  }
  target.console_socket = connect_console(given.console_socket, failure);
  return target.console_socket >= 0;
}

}  // namespace

int exec_command(Call& call) {
  constexpr int kExecFailed = 255;
  ExecOptions given;
  std::string_view id;
  Container container;
  oci::Process process;
  Target target;
  Task task;
  if (!take_exec_options(call, given) || !take_id(call, id) || !container.load(call, id) ||
      !check_running(given, container, call.failure) ||
      !make_process(given, container.spec, process, call) ||
      (warn_of_capabilities(call.global, process), false) ||
      !fill_target(given, container, process, target, call.failure) ||
      !exec_process(process, target, task, call.failure) || !finish_exec(task, call.failure)) {
    return kExecFailed;
  }
  if (target.console_socket >= 0) {
    (void)send_terminal(target.console_socket, task.terminal);
    ::close(task.terminal);
    task.terminal = -1;
  }
  if (!write_pid_file(given.pid_file, task.pid, call.failure)) return kExecFailed;
  if (given.detach) return 0;
  return attend(task);
}

}  // namespace wharf::runtime
