// create, run, start.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/container.h"
#include "runtime/kernel.h"

namespace wharf::runtime {
namespace {

struct CreateOptions {
  std::string_view bundle = ".";
  std::string_view console_socket;
  std::string_view pid_file;
  std::string_view preserve;
  bool no_pivot = false;
  bool no_new_keyring = false;
  bool detach = false;
  bool keep = false;
};

bool take_create_options(Call& call, CreateOptions& given) {
  bool ignored = false;
  const Option options[] = {{"bundle", "b", &given.bundle},
                            {"console-socket", "", &given.console_socket},
                            {"pid-file", "", &given.pid_file},
                            {"preserve-fds", "", &given.preserve},
                            {"no-pivot", "", nullptr, &given.no_pivot},
                            {"no-new-keyring", "", nullptr, &given.no_new_keyring},
                            {"no-subreaper", "", nullptr, &ignored},
                            {"keep", "", nullptr, &given.keep},
                            {"detach", "d", nullptr, &given.detach}};
  return take_options(call.arena, call.arguments, options, call.failure);
}

bool refuse_start_without_process(base::Failure& failure) {
  return failure.because("config.json: process must be given to start a container");
}

/// The absolute path of the bundle, which state and hooks tell.
bool resolve_bundle(Call& call, CreateOptions& given) {
  char path[4096];
  if (::realpath(given.bundle.data(), path) == nullptr) {
    return call.failure.because_of_errno("bundle ", given.bundle);
  }
  given.bundle = call.arena.copy(path);
  return true;
}

class Creation {
 public:
  Creation(Call& call, CreateOptions& given) : call_(call), given_(given) {}
  ~Creation() {
    if (inputs_.console_socket >= 0) ::close(inputs_.console_socket);
    if (inputs_.start_socket >= 0) ::close(inputs_.start_socket);
  }
  Creation(const Creation&) = delete;
  Creation& operator=(const Creation&) = delete;

  enum class Starter { Ourselves, Another };

  bool make(std::string_view id, Starter starter) {
    if (!read_bundle() || !fill_inputs(id, starter)) return false;
    if (!container.directory.make(call_.global.root, id, call_.failure)) return false;
    if (launch(id, starter)) return true;
    container.unmount();
    container.directory.remove();
    if (task.hook_failed) container.run_poststop(call_.global);
    return false;
  }

  bool start() {
    const Listener listener = listener_of(container.spec, container.hook_state("created"));
    return starts_at_once(container.spec, inputs_) ? finish_start(task, listener, call_.failure)
                                                   : start_container(task, listener, call_.failure);
  }

  Container container;
  Task task;

 private:
  bool read_bundle() {
    const int bundle = ::open(given_.bundle.data(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (bundle < 0) return call_.failure.because_of_errno("bundle ", given_.bundle);
    const std::span<char> text = read_whole(call_.arena, bundle, "config.json", call_.failure);
    ::close(bundle);
    if (text.empty()) return false;
    // Parsed in place; what is kept for later commands is the text as it came.
    config_ = call_.arena.copy(std::string_view(text.data(), text.size()));
    if (!oci::parse_spec(call_.arena, text, container.spec, call_.failure)) return false;
    if (container.spec.process) warn_of_capabilities(call_.global, *container.spec.process);
    return true;
  }

  bool fill_inputs(std::string_view id, Starter starter) {
    inputs_.id = id;
    inputs_.bundle = given_.bundle;
    inputs_.no_pivot = given_.no_pivot;
    inputs_.new_keyring = !given_.no_new_keyring;
    for (int stream = 0; stream < 3; ++stream) inputs_.stdio[stream] = stream;
    std::uint64_t preserved = 0;
    if (!given_.preserve.empty() && !base::parse_number(given_.preserve, preserved)) {
      return call_.failure.because("--preserve-fds needs a number");
    }
    inputs_.preserved_descriptors = static_cast<unsigned>(preserved);
    if (!container.spec.process) {
      if (starter == Starter::Ourselves) return refuse_start_without_process(call_.failure);
      container.spec.process.emplace();
    }
    const bool terminal = container.spec.process->terminal;
    const bool attended = starter == Starter::Ourselves && !given_.detach;
    if (terminal && given_.console_socket.empty() && !attended) {
      return call_.failure.because(
          "cannot allocate tty if runc will detach without setting "
          "console socket");
    }
    if (!terminal && !given_.console_socket.empty()) {
      return call_.failure.because(
          "cannot use console socket if runc will not detach or allocate "
          "tty");
    }
    if (terminal && !given_.console_socket.empty()) {
      inputs_.console_socket = connect_console(given_.console_socket, call_.failure);
      return inputs_.console_socket >= 0;
    }
    return true;
  }

  std::string_view default_cgroup(std::string_view id) {
    if (!call_.global.systemd_cgroup) return id;
    const base::Text<1023> path(":wharf:", id);
    return call_.arena.copy(path.view());
  }

  bool launch(std::string_view id, Starter starter) {
    inputs_.start_at_once = starter == Starter::Ourselves;
    if (starter == Starter::Another) {
      inputs_.start_socket = container.directory.listen_for_start(call_.failure);
      if (inputs_.start_socket < 0) return false;
    }
    State& state = container.state;
    state.id = id;
    state.bundle = given_.bundle;
    if (call_.global.systemd_cgroup) state.manager = cgroup::Manager::Systemd;
    state.cgroup = container.spec.cgroups_path;
    if (state.cgroup.empty()) state.cgroup = default_cgroup(id);
    state.hierarchies = &container.hierarchies;
    if (!cgroup::discover(container.hierarchies, call_.failure) ||
        !container.group.place(container.hierarchies, state.cgroup, call_.failure, state.manager) ||
        !create_container(container.spec, inputs_, container.group, task, call_.failure)) {
      return false;
    }
    const bool saved = save();  // while init mounts
    return finish_create(container.spec, inputs_, container.group, task, call_.failure) && saved;
  }

  bool save() {
    State& state = container.state;
    state.pid = task.pid;
    state.start_time = start_time_of(task.pid);
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    const base::Text<40> created(base::Rfc3339{now.tv_sec * 1'000'000'000 + now.tv_nsec});
    state.created = call_.arena.copy(created.view());
    base::PathText rootfs;
    if (!container.spec.root_path.starts_with('/')) rootfs.put(given_.bundle, "/");
    rootfs.put(container.spec.root_path);
    state.rootfs = call_.arena.copy(rootfs.view());
    return container.directory.save(state, config_, call_.failure) &&
           write_pid_file(given_.pid_file, task.pid, call_.failure);
  }

  Call& call_;
  CreateOptions& given_;
  Inputs inputs_;
  std::string_view config_;
};

bool prepare(Call& call, CreateOptions& given, std::string_view& id) {
  return take_create_options(call, given) && take_id(call, id) && resolve_bundle(call, given);
}

bool run_poststart(Container& container, base::Failure& failure) {
  return run_hooks(container.spec.hooks.poststart, "poststart", container.hook_state("running"),
                   failure);
}

}  // namespace

int create_command(Call& call) {
  CreateOptions given;
  std::string_view id;
  if (!prepare(call, given, id)) return 1;
  Creation creation(call, given);
  if (!creation.make(id, Creation::Starter::Another)) return 1;
  close_task(creation.task);
  return 0;
}

int run_command_line(Call& call) {
  CreateOptions given;
  std::string_view id;
  if (!prepare(call, given, id)) return 1;
  Creation creation(call, given);
  if (!creation.make(id, Creation::Starter::Ourselves)) return 1;
  Container& container = creation.container;
  Task& task = creation.task;
  if (!creation.start() || !run_poststart(container, call.failure)) {
    (void)kernel::pidfd_send_signal(task.pidfd, SIGKILL);
    ::waitpid(task.pid, nullptr, __WALL);
    (void)container.destroy(call);
    return 1;
  }
  if (given.detach) {
    close_task(task);
    return 0;
  }
  const int status = attend(task);
  close_task(task);
  if (!given.keep) (void)container.destroy(call);
  return status;
}

int start_command(Call& call) {
  std::string_view id;
  Container container;
  if (!take_id(call, id) || !container.load(call, id)) return 1;
  const Status status = container.status();
  if (status != Status::Created) {
    (void)call.failure.because("cannot start a container that has ",
                               status == Status::Stopped ? "stopped" : "already started");
    return 1;
  }
  if (!container.spec.process) {
    (void)refuse_start_without_process(call.failure);
    return 1;
  }
  Task task;
  task.channel = container.directory.connect_to_start(call.failure);
  task.pid = container.state.pid;
  if (task.channel < 0) return 1;
  const Listener listener = listener_of(container.spec, container.hook_state("created"));
  const bool started = start_container(task, listener, call.failure);
  if (started && run_poststart(container, call.failure)) return 0;
  // What failed is of a container that is there no more. A hook that failed deletes it as well.
  if (started || task.hook_failed) {
    (void)container.destroy(call);
  } else {
    base::Failure ended;
    (void)container.group.signal_all(SIGKILL, ended);
  }
  return 1;
}

}  // namespace wharf::runtime
