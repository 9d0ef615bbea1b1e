// The caller's side of creating and starting a container: namespaces, cgroup, user mappings.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "runtime/init.h"
#include "runtime/kernel.h"

namespace wharf::runtime {
namespace {

void close_one(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

void reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, __WALL) < 0 && errno == EINTR) {
  }
}

/// Descriptors that live while a container is being created.
struct Opened {
  Init::Join joins[8] = {};
  std::size_t join_count = 0;
  int seccomp = -1;
  int channel[2] = {-1, -1};
  int own_pid_namespace = -1;
  int root = -1;
  std::span<int> sources;

  ~Opened() {
    close_early_sources(sources);
    for (Init::Join& join : joins) close_one(join.fd);
    close_one(seccomp);
    close_one(channel[0]);
    close_one(channel[1]);
    close_one(own_pid_namespace);
    close_one(root);
  }

  bool join(std::uint64_t flag, int fd, std::string_view path, Failure& failure) {
    if (fd < 0) return failure.because_of_errno("open namespace ", path);
    joins[join_count++] = {flag, fd};
    return true;
  }
};

/// In the host's mounts nothing may be changed but what delete can take away again.
bool can_inherit_mounts(const oci::Spec& spec, const Inputs& inputs) {
  return inputs.rootfs < 0 && !spec.root_read_only && spec.masked_paths.empty() &&
         spec.read_only_paths.empty() && spec.rootfs_propagation == 0;
}

bool check_spec(const oci::Spec& spec, const Inputs& inputs, Failure& failure) {
  if (!spec.process) return failure.because("config.json: process must be given");
  if (spec.find_namespace(CLONE_NEWNS) == nullptr && !can_inherit_mounts(spec, inputs)) {
    return failure.because(
        "config.json: root.readonly, maskedPaths, readonlyPaths and rootfsPropagation need a mount "
        "namespace");
  }
  if (spec.mounts.size() > kMaxMounts) {
    return failure.because("config.json: more than ", kMaxMounts, " mounts");
  }
  if (spec.root_path.empty() && inputs.rootfs < 0) {
    return failure.because("config.json: root.path must be given");
  }
  if (spec.intel_rdt) {
    return failure.because("config.json: linux.intelRdt: this machine has no resctrl");
  }
  const oci::Namespace* user = spec.find_namespace(CLONE_NEWUSER);
  if (user == nullptr || !user->path.empty()) return true;
  if (spec.uid_maps.empty() || spec.gid_maps.empty()) {
    return failure.because("config.json: a user namespace needs uidMappings and gidMappings");
  }
  return true;
}

/// Which namespaces are made and which are joined.
bool sort_namespaces(const oci::Spec& spec, const Inputs& inputs, Opened& opened,
                     std::uint64_t& flags, Failure& failure) {
  for (const oci::Namespace& one : spec.namespaces) {
    const bool given = one.flag == CLONE_NEWNET && inputs.network_namespace >= 0;
    if (given) continue;
    if (!one.path.empty()) {
      const int fd = ::open(one.path.data(), O_RDONLY | O_CLOEXEC);
      if (!opened.join(one.flag, fd, one.path, failure)) return false;
      continue;
    }
    // The cgroup namespace is made once the process is in its cgroup, the time namespace
    // once its offsets are known; both by init itself.
    if (one.flag != CLONE_NEWCGROUP && one.flag != CLONE_NEWTIME) flags |= one.flag;
  }
  if (inputs.network_namespace < 0) return true;
  const int copy = ::fcntl(inputs.network_namespace, F_DUPFD_CLOEXEC, 3);
  return opened.join(CLONE_NEWNET, copy, "of the network", failure);
}

/// Puts future children into the joined pid namespace; undone by leave_pid_namespace().
bool enter_pid_namespace(const oci::Spec& spec, Opened& opened, Failure& failure) {
  if (joined_user_namespace(spec) != nullptr) return true;  // clone_in_joined_user() does it.
  for (const Init::Join& join : std::span(opened.joins, opened.join_count)) {
    if (join.flag != CLONE_NEWPID) continue;
    opened.own_pid_namespace = ::open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
    if (opened.own_pid_namespace < 0 || ::setns(join.fd, CLONE_NEWPID) < 0) {
      return failure.because_of_errno("join pid namespace");
    }
  }
  return true;
}

void leave_pid_namespace(const Opened& opened) {
  if (opened.own_pid_namespace < 0) return;
  // Cannot fail: a process may always return to the namespace it is in itself. If it did,
  // later children would be born in the container's namespace.
  if (::setns(opened.own_pid_namespace, CLONE_NEWPID) < 0) ::_exit(1);
}

bool write_proc(pid_t pid, const char* file, std::string_view value, Failure& failure) {
  const base::Text<63> path("/proc/", pid, "/", file);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  const bool fine = fd >= 0 && ::write(fd, value.data(), value.size()) >= 0;
  if (!fine) (void)failure.because_of_errno("write ", path.view());
  if (fd >= 0) ::close(fd);
  return fine;
}

bool write_map(pid_t pid, const char* file, std::span<oci::IdMap> maps, Failure& failure) {
  base::PathText lines;  // the kernel takes at most a page
  for (const oci::IdMap& map : maps) {
    lines.put(map.container, " ", map.host, " ", map.size, "\n");
  }
  return write_proc(pid, file, lines.view(), failure);
}

bool map_ids(const oci::Spec& spec, const Task& task, Failure& failure) {
  const oci::Namespace* user = spec.find_namespace(CLONE_NEWUSER);
  if (user == nullptr || !user->path.empty()) return true;
  return write_map(task.pid, "uid_map", spec.uid_maps, failure) &&
         write_map(task.pid, "gid_map", spec.gid_maps, failure) &&
         (send_news(task.channel, News::Go) || failure.because_of_errno("tell init"));
}

bool set_oom_score(const oci::Spec& spec, pid_t pid, Failure& failure) {
  if (!spec.process->oom_score_adj) return true;
  const base::Text<15> digits(*spec.process->oom_score_adj);
  return write_proc(pid, "oom_score_adj", digits.view(), failure);
}

/// Init is born where it belongs, which systemd cannot make without a process to put there.
bool is_born_inside(const cgroup::Group& group) {
  const cgroup::Hierarchies* hierarchies = group.hierarchies();
  return hierarchies != nullptr && hierarchies->unified &&
         group.manager() == cgroup::Manager::Files;
}

/// On v1 the cgroup is made while init already mounts, and so where systemd makes it.
bool enter_cgroup(const oci::Spec& spec, cgroup::Group& group, pid_t pid, Failure& failure) {
  if (is_born_inside(group)) return true;
  const bool made = group.manager() == cgroup::Manager::Systemd
                        ? group.make_scope(pid, spec.resources, failure)
                        : group.make(failure);
  if (!made || !group.apply(spec.resources, failure)) return false;
  if (group.hierarchies()->unified) return true;
  // Init joins by itself (await_cgroup), but not out of a user namespace, whose root may not.
  if (spec.find_namespace(CLONE_NEWUSER) == nullptr) return true;
  if (group.add(pid, failure) || failure.error != ESRCH) return !failure.failed();
  // Init has failed meanwhile; its own words, which finish_create() hears, say why.
  failure.error = 0;
  failure.text.clear();
  return true;
}

/// A source below a directory that only the host's root can enter is opened by the caller.
bool open_root_early(const oci::Spec& spec, const Inputs& inputs, Opened& opened,
                     Failure& failure) {
  if (inputs.rootfs >= 0 || spec.find_namespace(CLONE_NEWUSER) == nullptr) return true;
  base::PathText path;
  if (!spec.root_path.starts_with('/')) path.put(inputs.bundle, "/");
  path.put(spec.root_path);
  opened.root =
      kernel::open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  return opened.root >= 0 || failure.because_of_errno("open root file system ", path.view());
}

/// A new process waits on its parent's processor until the parent sleeps, also where another
/// is idle, and the parent has the cgroup to make: so init begins on another.
void begin_elsewhere(Init& init, pid_t pid) {
  cpu_set_t others = init.processors;
  CPU_CLR(static_cast<unsigned>(::sched_getcpu()), &others);
  if (init.elsewhere && CPU_COUNT(&others) > 0)
    (void)::sched_setaffinity(pid, sizeof others, &others);
}

pid_t clone_init(Init& init, Opened& opened, Task& task, Failure& failure) {
  if (joined_user_namespace(init.spec) != nullptr) {
    return clone_in_joined_user(init, opened.channel[0], task.pidfd, failure);
  }
  clone_args arguments{};
  arguments.flags = init.new_namespaces | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&task.pidfd);
  arguments.exit_signal = SIGCHLD;
  if (init.group.unified_directory() >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<std::uint64_t>(init.group.unified_directory());
  }
  init.elsewhere = ::sched_getaffinity(0, sizeof init.processors, &init.processors) == 0;
  const long pid = kernel::clone3(arguments);
  if (pid == 0) {
    ::close(opened.channel[0]);
    run_init(init);
  }
  if (pid < 0) (void)failure.because_of_errno("make namespaces");
  if (pid > 0) begin_elsewhere(init, static_cast<pid_t>(pid));
  return static_cast<pid_t>(pid);
}

void give_up(cgroup::Group& group, Task& task) {
  if (task.pid > 0) {
    (void)kernel::pidfd_send_signal(task.pidfd, SIGKILL);
    reap(task.pid);
  }
  task.pid = -1;
  close_task(task);
  Failure ignored;
  constexpr int kPatienceMs = 500;
  (void)group.remove(kPatienceMs, ignored);
}

void forward_terminal(const Inputs& inputs, Task& task, int terminal) {
  close_one(task.terminal);
  task.terminal = terminal;
  if (inputs.console_socket >= 0) {
    (void)send_terminal(inputs.console_socket, terminal);
  }
}

bool run_runtime_hooks(const oci::Spec& spec, const Inputs& inputs, Task& task, Failure& failure) {
  const HookState state{inputs.id, inputs.bundle, "creating", task.pid, spec.annotations};
  task.hook_failed = !run_hooks(spec.hooks.prestart, "prestart", state, failure) ||
                     !run_hooks(spec.hooks.create_runtime, "createRuntime", state, failure);
  return !task.hook_failed &&
         (send_news(task.channel, News::Go) || failure.because_of_errno("tell init"));
}

/// One message; `done` becomes true with the last.
bool take_news(const oci::Spec& spec, const Inputs& inputs, Task& task, bool& done,
               Failure& failure) {
  Message message;
  int descriptor = -1;
  if (!receive(task.channel, message, &descriptor)) {
    return failure.because_of_errno("hear from init");
  }
  switch (message.news) {
    case News::Hooks:
      return run_runtime_hooks(spec, inputs, task, failure);
    case News::Terminal:
      forward_terminal(inputs, task, descriptor);
      return true;
    case News::Created:
      done = true;
      return spec.find_namespace(CLONE_NEWUSER) == nullptr ||
             apply_limits(task.pid, *spec.process, failure);
    case News::HookFailed:
    case News::Failed:
      task.hook_failed = message.news == News::HookFailed;
      failure.error = message.number;
      return failure.because(std::string_view(message.text));
    default:
      return failure.because("init ended before it was ready");
  }
}

}  // namespace

void close_task(Task& task) {
  close_one(task.pidfd);
  close_one(task.terminal);
  close_one(task.channel);
  close_one(task.terminal_channel);
}

std::uint64_t namespaces_of(const oci::Spec& spec, const Inputs& inputs) {
  std::uint64_t flags = inputs.network_namespace >= 0 ? std::uint64_t{CLONE_NEWNET} : 0;
  for (const oci::Namespace& one : spec.namespaces) flags |= one.flag;
  return flags;
}

bool create_container(const oci::Spec& spec, const Inputs& inputs, cgroup::Group& group, Task& task,
                      Failure& failure) {
  Opened opened;
  Init init{.spec = spec, .inputs = inputs, .group = group, .report = Report(-1), .sources = {}};
  memset(init.sources, -1, sizeof init.sources);
  opened.sources = init.sources;
  if (!check_spec(spec, inputs, failure) ||
      !sort_namespaces(spec, inputs, opened, init.new_namespaces, failure) ||
      !open_root_early(spec, inputs, opened, failure) ||
      !open_early_sources(spec, inputs, init.sources, failure)) {
    return false;
  }
  init.seccomp = inputs.seccomp;
  init.seccomp_flags = inputs.seccomp_flags;
  if (inputs.seccomp < 0 && spec.seccomp != nullptr) {
    opened.seccomp = compile_seccomp_file(*spec.seccomp, init.seccomp_flags, failure);
    if (failure.failed()) return false;
    init.seccomp = opened.seccomp;
  }
  if (make_channel(opened.channel) < 0) return failure.because_of_errno("make a channel");
  init.report.use(opened.channel[1]);
  init.root_source = opened.root;
  memcpy(init.joins, opened.joins, sizeof init.joins);
  init.join_count = opened.join_count;

  if (is_born_inside(group) && !(group.make(failure) && group.apply(spec.resources, failure))) {
    give_up(group, task);
    return false;
  }
  if (enter_pid_namespace(spec, opened, failure))
    task.pid = clone_init(init, opened, task, failure);
  leave_pid_namespace(opened);
  task.channel = opened.channel[0];
  opened.channel[0] = -1;
  if (task.pid < 0 || !map_ids(spec, task, failure) || !set_oom_score(spec, task.pid, failure) ||
      !enter_cgroup(spec, group, task.pid, failure)) {
    give_up(group, task);
    return false;
  }
  if (init.in_user_namespace()) give_streams(task.pid, inputs.stdio, spec.process->uid);
  (void)send_news(task.channel, News::Go);  // to a dead init: finish_create() hears why
  if (starts_at_once(spec, inputs)) (void)send_news(task.channel, News::Start);
  return true;
}

bool starts_at_once(const oci::Spec& spec, const Inputs& inputs) {
  const bool hooks = !spec.hooks.prestart.empty() || !spec.hooks.create_runtime.empty();
  const bool limits_by_caller =
      spec.find_namespace(CLONE_NEWUSER) != nullptr && !spec.process->rlimits.empty();
  return inputs.start_at_once && !hooks && !limits_by_caller && inputs.start_socket < 0;
}

bool finish_create(const oci::Spec& spec, const Inputs& inputs, cgroup::Group& group, Task& task,
                   Failure& failure) {
  bool done = false;
  while (!done) {
    if (take_news(spec, inputs, task, done, failure)) continue;
    give_up(group, task);
    return false;
  }
  return true;
}

bool send_start(Task& task, Failure& failure) {
  return send_news(task.channel, News::Start) || failure.because_of_errno("start init");
}

bool finish_start(Task& task, const Listener& listener, Failure& failure) {
  Message message;
  int page = -1;
  bool heard = receive(task.channel, message, &page);
  if (heard && message.news == News::Listener) {
    heard = hand_over_listener(page, task, listener, failure) && receive(task.channel, message);
  }
  close_one(task.channel);
  if (failure.failed()) return false;
  if (!heard) return failure.because_of_errno("hear from init");
  task.hook_failed = message.news == News::HookFailed;
  if (message.news != News::Failed && !task.hook_failed) return true;
  failure.error = message.number;
  return failure.because(std::string_view(message.text));
}

bool start_container(Task& task, const Listener& listener, Failure& failure) {
  return send_start(task, failure) && finish_start(task, listener, failure);
}

int exit_code_of(const Failure& failure) {
  const auto says = [&](std::string_view words) {
    return failure.text.view().find(words) != std::string_view::npos;
  };
  if (says("executable file not found") || says("no such file or directory")) return 127;
  if (says("permission denied") || says("not a directory") || says("is a directory")) return 126;
  return 128;
}

}  // namespace wharf::runtime
