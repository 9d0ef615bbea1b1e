// state, kill, delete, pause, resume, update.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/container.h"
#include "runtime/kernel.h"

namespace wharf::runtime {
namespace {

void put_annotations(const oci::Spec& spec, base::Writer& text) {
  text.put(",\n  \"annotations\": {");
  bool first = true;
  for (const oci::Setting& one : spec.annotations) {
    text.put(first ? "\n    " : ",\n    ", base::Quoted{one.name}, ": ", base::Quoted{one.value});
    first = false;
  }
  text.put(first ? "}" : "\n  }");
}

int signal_one(const Container& container, int number, base::Failure& failure) {
  const int pidfd = kernel::pidfd_open(container.state.pid);
  // The pid may be another's by now: then its start time is another too.
  const bool same = pidfd >= 0 && start_time_of(container.state.pid) == container.state.start_time;
  if (!same) {
    (void)failure.because("container not running");
  } else if (kernel::pidfd_send_signal(pidfd, number) < 0) {
    (void)failure.because_of_errno("signal container ", container.state.id);
  }
  if (pidfd >= 0) ::close(pidfd);
  return failure.failed() ? 1 : 0;
}

/// A missing container is no failure for --force, as with runc.
bool exists(const Call& call, std::string_view id) {
  const base::PathText path(call.global.root, "/", id);
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0;
}

bool freeze_when(Call& call, Status required, cgroup::Frozen wanted) {
  std::string_view id;
  Container container;
  if (!take_id(call, id) || !container.load(call, id)) return false;
  const Status status = container.status();
  const bool right =
      status == required || (required == Status::Running && status == Status::Created);
  if (!right) {
    return call.failure.because("container is ", name_of(status), ", not ", name_of(required));
  }
  return container.group.freeze(wanted, call.failure);
}

struct UpdateOptions {
  std::string_view file;
  std::string_view memory, swap, reservation, shares, quota, period, burst, cpus, mems, pids,
      block_weight, idle;
};

bool read_value(std::string_view text, oci::OptionalInt& into, base::Failure& failure) {
  if (text.empty()) return true;
  std::int64_t number = 0;
  std::uint64_t scale = 1;
  switch (text.back()) {
    case 'g':
    case 'G':
      scale <<= 10;
      [[fallthrough]];
    case 'm':
    case 'M':
      scale <<= 10;
      [[fallthrough]];
    case 'k':
    case 'K':
      scale <<= 10;
      text.remove_suffix(1);
      break;
    default:
      break;
  }
  if (!base::parse_number(text, number) || number > INT64_MAX / static_cast<std::int64_t>(scale)) {
    return failure.because("not a number: ", text);
  }
  into = number * static_cast<std::int64_t>(scale);
  return true;
}

bool fill_resources(const UpdateOptions& given, oci::Resources& resources, base::Failure& failure) {
  if (!given.cpus.empty()) resources.cpu.cpus = given.cpus;
  if (!given.mems.empty()) resources.cpu.mems = given.mems;
  return read_value(given.memory, resources.memory.limit, failure) &&
         read_value(given.swap, resources.memory.swap, failure) &&
         read_value(given.reservation, resources.memory.reservation, failure) &&
         read_value(given.shares, resources.cpu.shares, failure) &&
         read_value(given.quota, resources.cpu.quota, failure) &&
         read_value(given.period, resources.cpu.period, failure) &&
         read_value(given.burst, resources.cpu.burst, failure) &&
         read_value(given.idle, resources.cpu.idle, failure) &&
         read_value(given.pids, resources.pids, failure) &&
         read_value(given.block_weight, resources.block_io.weight, failure);
}

std::span<char> read_standard_input(base::Arena& arena, base::Failure& failure) {
  constexpr std::size_t kMaxBytes = 1 << 20;
  const std::span<char> text = arena.array<char>(kMaxBytes);
  std::size_t held = 0;
  ssize_t got = 0;
  while (held < text.size() && (got = ::read(0, text.data() + held, text.size() - held)) > 0) {
    held += static_cast<std::size_t>(got);
  }
  if (held == 0) (void)failure.because("no resources on standard input");
  return text.first(held);
}

}  // namespace

int state_command(Call& call) {
  std::string_view id;
  Container container;
  if (!take_id(call, id) || !container.load(call, id)) return 1;
  const Status status = container.status();
  base::Text<65535> text;
  text.put("{\n  \"ociVersion\": ", base::Quoted{container.spec.version},
           ",\n  \"id\": ", base::Quoted{container.state.id},
           ",\n  \"pid\": ", status == Status::Stopped ? 0 : container.state.pid,
           ",\n  \"status\": ", base::Quoted{name_of(status)},
           ",\n  \"bundle\": ", base::Quoted{container.state.bundle},
           ",\n  \"rootfs\": ", base::Quoted{container.state.rootfs},
           ",\n  \"created\": ", base::Quoted{container.state.created}, ",\n  \"owner\": \"\"");
  if (!container.spec.annotations.empty()) put_annotations(container.spec, text);
  text.put("\n}\n");
  return ::write(1, text.c_str(), text.size()) < 0 ? 1 : 0;
}

int kill_command(Call& call) {
  bool all = false;
  std::string_view id;
  const Option options[] = {{"all", "a", nullptr, &all}};
  if (!take_options(call.arena, call.arguments, options, call.failure) || !take_id(call, id)) {
    return 1;
  }
  if (!take_options(call.arena, call.arguments, options, call.failure)) return 1;
  const std::string_view name = call.arguments.empty() ? "TERM" : call.arguments[0];
  const int number = signal_number(name);
  if (number < 0) {
    (void)call.failure.because("unknown signal \"", name, "\"");
    return 1;
  }
  Container container;
  if (!container.load(call, id)) return 1;
  if (all) return container.group.signal_all(number, call.failure) ? 0 : 1;
  const int status = signal_one(container, number, call.failure);
  // Without a pid namespace of its own, the end of init does not end the others.
  const bool shared = container.spec.find_namespace(CLONE_NEWPID) == nullptr;
  if (status == 0 && number == SIGKILL) {
    if (shared)
      (void)container.group.signal_all(SIGKILL, call.failure);
    else if (container.group.frozen() == cgroup::Frozen::Yes) {
      (void)container.group.freeze(cgroup::Frozen::No, call.failure);
    }
  }
  return status;
}

int delete_command(Call& call) {
  bool force = false;
  std::string_view id;
  const Option options[] = {{"force", "f", nullptr, &force}};
  if (!take_options(call.arena, call.arguments, options, call.failure) || !take_id(call, id)) {
    return 1;
  }
  if (!take_options(call.arena, call.arguments, options, call.failure)) return 1;
  if (force && !exists(call, id)) return 0;
  Container container;
  if (!container.load(call, id)) {
    if (!force) return 1;
    // Half a state, of a create that was killed: what is named can still be removed.
    container.directory.remove();
    call.failure.text.clear();
    return 0;
  }
  const Status status = container.status();
  if (status != Status::Stopped && !force) {
    (void)call.failure.because("cannot delete container ", id,
                               " that is not stopped: ", name_of(status));
    return 1;
  }
  return container.destroy(call) ? 0 : 1;
}

int pause_command(Call& call) {
  return freeze_when(call, Status::Running, cgroup::Frozen::Yes) ? 0 : 1;
}

int resume_command(Call& call) {
  return freeze_when(call, Status::Paused, cgroup::Frozen::No) ? 0 : 1;
}

int update_command(Call& call) {
  UpdateOptions given;
  std::string_view ignored;
  const Option options[] = {{"resources", "r", &given.file},
                            {"memory", "", &given.memory},
                            {"memory-swap", "", &given.swap},
                            {"memory-reservation", "", &given.reservation},
                            {"kernel-memory", "", &ignored},
                            {"kernel-memory-tcp", "", &ignored},
                            {"cpu-share", "", &given.shares},
                            {"cpu-quota", "", &given.quota},
                            {"cpu-period", "", &given.period},
                            {"cpu-burst", "", &given.burst},
                            {"cpu-idle", "", &given.idle},
                            {"cpuset-cpus", "", &given.cpus},
                            {"cpuset-mems", "", &given.mems},
                            {"pids-limit", "", &given.pids},
                            {"blkio-weight", "", &given.block_weight}};
  std::string_view id;
  Container container;
  oci::Resources resources;
  if (!take_options(call.arena, call.arguments, options, call.failure) || !take_id(call, id) ||
      !container.load(call, id)) {
    return 1;
  }
  if (!given.file.empty()) {
    const std::span<char> text =
        given.file == "-" ? read_standard_input(call.arena, call.failure)
                          : read_whole(call.arena, AT_FDCWD, given.file.data(), call.failure);
    if (text.empty() || !oci::parse_resources(call.arena, text, resources, call.failure)) return 1;
  }
  if (!fill_resources(given, resources, call.failure)) return 1;
  return container.group.update(resources, call.failure) ? 0 : 1;
}

}  // namespace wharf::runtime
