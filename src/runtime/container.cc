#include "runtime/container.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "runtime/kernel.h"

namespace wharf::runtime {
namespace {

constexpr int kCgroupPatienceMs = 10'000;

struct SignalName {
  std::string_view name;
  int number;
};
constexpr SignalName kSignals[] = {
    {"HUP", SIGHUP},       {"INT", SIGINT},     {"QUIT", SIGQUIT}, {"ILL", SIGILL},
    {"TRAP", SIGTRAP},     {"ABRT", SIGABRT},   {"IOT", SIGIOT},   {"BUS", SIGBUS},
    {"FPE", SIGFPE},       {"KILL", SIGKILL},   {"USR1", SIGUSR1}, {"SEGV", SIGSEGV},
    {"USR2", SIGUSR2},     {"PIPE", SIGPIPE},   {"ALRM", SIGALRM}, {"TERM", SIGTERM},
    {"STKFLT", SIGSTKFLT}, {"CHLD", SIGCHLD},   {"CLD", SIGCHLD},  {"CONT", SIGCONT},
    {"STOP", SIGSTOP},     {"TSTP", SIGTSTP},   {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU},
    {"URG", SIGURG},       {"XCPU", SIGXCPU},   {"XFSZ", SIGXFSZ}, {"VTALRM", SIGVTALRM},
    {"PROF", SIGPROF},     {"WINCH", SIGWINCH}, {"IO", SIGIO},     {"POLL", SIGPOLL},
    {"PWR", SIGPWR},       {"SYS", SIGSYS}};

constexpr int kRealtimeFirst = 34;
constexpr int kRealtimeLast = 64;

/// "RTMIN+3", "RTMAX-1": -1 when it is none.
int realtime_signal(std::string_view name) {
  const bool low = name.starts_with("RTMIN");
  if (!low && !name.starts_with("RTMAX")) return -1;
  name.remove_prefix(5);
  std::int64_t offset = 0;
  if (!name.empty()) {
    if (name[0] != (low ? '+' : '-') || !base::parse_number(name.substr(1), offset)) return -1;
  }
  const std::int64_t number = low ? kRealtimeFirst + offset : kRealtimeLast - offset;
  return number >= kRealtimeFirst && number <= kRealtimeLast ? static_cast<int>(number) : -1;
}

void wait_for_end(const State& state) {
  constexpr int kTries = 5000;
  const timespec pause{0, 1'000'000};
  for (int i = 0; i < kTries && start_time_of(state.pid) == state.start_time; ++i) {
    ::nanosleep(&pause, nullptr);
  }
}

}  // namespace

bool Container::load(Call& call, std::string_view id) {
  state.hierarchies = &hierarchies;
  return directory.open(call.global.root, id, call.failure) &&
         cgroup::discover(hierarchies, call.failure) &&
         directory.load(call.arena, state, spec, call.failure) &&
         group.open(hierarchies, state.cgroup, call.failure, state.manager);
}

HookState Container::hook_state(std::string_view status) const {
  return {state.id, state.bundle, status, status == "stopped" ? 0 : state.pid, spec.annotations};
}

void Container::run_poststop(const Global& global) const {
  for (const oci::Hook& hook : spec.hooks.poststop) {
    base::Failure failure;
    if (!run_hooks({&hook, 1}, "poststop", hook_state("stopped"), failure)) {
      warn(global, failure.text.view());
    }
  }
}

void Container::unmount() const {
  char root[4096];
  if (spec.find_namespace(CLONE_NEWNS) != nullptr || state.rootfs.empty()) return;
  if (::realpath(state.rootfs.data(), root) != nullptr) unmount_below(root);
}

bool Container::destroy(Call& call) {
  // With init of a pid namespace ended all its processes have; else they are sought.
  const bool sought = spec.find_namespace(CLONE_NEWPID) == nullptr;
  if (sought || start_time_of(state.pid) == state.start_time) {
    (void)group.signal_all(SIGKILL, call.failure);
    wait_for_end(state);
  }
  const bool removed = group.remove(kCgroupPatienceMs, call.failure);
  unmount();
  directory.remove();
  run_poststop(call.global);
  return removed;
}

void warn_of_capabilities(const Global& global, const oci::Process& process) {
  for (const std::string_view name : process.unmapped_capabilities) {
    const base::Text<300> words("capability ", name, " is unknown and left out");
    warn(global, words.view());
  }
  if (!process.capabilities) return;
  const oci::Capabilities& sets = *process.capabilities;
  const std::uint64_t wanted = sets.effective | sets.permitted | sets.inheritable | sets.ambient;
  const std::uint64_t refused = (wanted & ~kernel::permitted_capabilities()) |
                                (sets.ambient & ~(sets.permitted & sets.inheritable));
  for (unsigned number = 0; number < 64; ++number) {
    if ((refused & std::uint64_t{1} << number) == 0) continue;
    const base::Text<300> words("capability ", oci::capability_name(number), " cannot be granted");
    warn(global, words.view());
  }
}

bool take_id(Call& call, std::string_view& id) {
  if (call.arguments.empty()) return call.failure.because("a container id is needed");
  id = call.arguments[0];
  call.arguments = call.arguments.subspan(1);
  return true;
}

int signal_number(std::string_view name) {
  std::int64_t number = 0;
  if (base::parse_number(name, number)) {
    return number >= 0 && number <= kRealtimeLast ? static_cast<int>(number) : -1;
  }
  char upper[16];
  std::size_t length = 0;
  for (const char letter : name) {
    if (length == sizeof upper) return -1;
    upper[length++] = letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 32) : letter;
  }
  std::string_view wanted(upper, length);
  if (wanted.starts_with("SIG")) wanted.remove_prefix(3);
  for (const SignalName& known : kSignals) {
    if (known.name == wanted) return known.number;
  }
  return realtime_signal(wanted);
}

bool write_pid_file(std::string_view path, pid_t pid, base::Failure& failure) {
  if (path.empty()) return true;
  // Written beside and renamed: who waits for the file finds it complete.
  const std::size_t slash = path.rfind('/') + 1;
  const base::PathText fresh(path.substr(0, slash), ".", path.substr(slash), ".new");
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  const base::Text<15> digits(pid);
  const bool fine = fd >= 0 && ::write(fd, digits.c_str(), digits.size()) > 0 &&
                    ::rename(fresh.c_str(), path.data()) == 0;
  if (!fine) (void)failure.because_of_errno("write pid file ", path);
  if (fd >= 0) ::close(fd);
  return fine;
}

int connect_console(std::string_view path, base::Failure& failure) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    (void)failure.because("console socket path too long: ", path);
    return -1;
  }
  memcpy(address.sun_path, path.data(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (fd >= 0 && ::connect(fd, generic, sizeof address) == 0) return fd;
  (void)failure.because_of_errno("connect to console socket ", path);
  if (fd >= 0) ::close(fd);
  return -1;
}

}  // namespace wharf::runtime
