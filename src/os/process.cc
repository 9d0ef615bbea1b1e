#include "os/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/poll.h"

// glibc 2.36 forgets to say that these have C linkage.
extern "C" {
#include <sys/pidfd.h>
}

namespace wharf::os {
namespace {

/// posix_spawn_file_actions_t(3) with a destructor. Its functions return errno.
class Actions {
 public:
  Actions() { ::posix_spawn_file_actions_init(&actions_); }
  ~Actions() { ::posix_spawn_file_actions_destroy(&actions_); }
  Actions(const Actions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }
  void null(int number) {
    accept(::posix_spawn_file_actions_addopen(&actions_, number, "/dev/null", O_RDWR, 0));
  }
  void duplicate(int from, int to) {
    accept(::posix_spawn_file_actions_adddup2(&actions_, from, to));
  }
  /// One that is not open is no error.
  void close(int number) { accept(::posix_spawn_file_actions_addclose(&actions_, number)); }
  void close_from(int number) {
    accept(::posix_spawn_file_actions_addclosefrom_np(&actions_, number));
  }

 private:
  static void accept(int failure) {
    if (failure != 0) throw base::errno_error(failure, "prepare descriptors of a program");
  }
  posix_spawn_file_actions_t actions_;
};

class Attributes {
 public:
  explicit Attributes(bool new_session) {
    ::posix_spawnattr_init(&attributes_);
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    const int flags =
        POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (new_session ? POSIX_SPAWN_SETSID : 0);
    ::posix_spawnattr_setflags(&attributes_, static_cast<short>(flags));
  }
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

/// A target number may be the source of another: all sources are first moved out of the way.
std::vector<Fd> moved_above(const std::vector<Inherit>& descriptors, int highest) {
  std::vector<Fd> moved;
  for (const Inherit& each : descriptors)
    moved.emplace_back(check(WHARF_CALL(fcntl, each.fd->get(), F_DUPFD_CLOEXEC, highest + 1),
                             "duplicate descriptor"));
  return moved;
}

}  // namespace

Process Process::spawn(const SpawnRequest& request) {
  int highest = 2;
  for (const Inherit& each : request.descriptors) highest = std::max(highest, each.as);
  const std::vector<Fd> moved = moved_above(request.descriptors, highest);

  Actions actions;
  for (int number = 0; number <= 2; ++number) actions.null(number);
  for (std::size_t i = 0; i < moved.size(); ++i)
    actions.duplicate(moved[i].get(), request.descriptors[i].as);
  for (int number = 3; number <= highest; ++number) {
    const auto asked = [&](const Inherit& each) { return each.as == number; };
    if (std::ranges::none_of(request.descriptors, asked)) actions.close(number);
  }
  actions.close_from(highest + 1);

  std::vector<std::string> arguments = request.arguments;
  arguments.insert(arguments.begin(), request.name.empty() ? request.program : request.name);
  std::vector<std::string> environment = request.environment;
  const Attributes attributes(request.new_session);

  pid_t pid = -1;
  int failure = fault::before("posix_spawn");
  if (failure == 0)
    failure = ::posix_spawn(&pid, request.program.c_str(), actions.get(), attributes.get(),
                            pointers(arguments).data(), pointers(environment).data());
  if (failure != 0) throw base::errno_error(failure, fmt::format("start {}", request.program));
  return Process(pid, open_pidfd(pid));
}

bool Process::signal(int number) const {
  if (WHARF_CALL(pidfd_send_signal, pidfd_.get(), number, nullptr, 0u) == 0) return true;
  if (errno == ESRCH) return false;
  throw last_error("signal {} to process {}", number, pid_);
}

bool Process::ended_within(std::chrono::milliseconds time) const {
  return wait_for(pidfd_, POLLIN, time) != 0;
}

std::optional<Ended> Process::reap() const {
  siginfo_t info{};
  const auto id = static_cast<id_t>(pidfd_.get());
  if (WHARF_CALL(waitid, P_PIDFD, id, &info, WEXITED | WNOHANG) < 0) {
    if (errno == ECHILD) return std::nullopt;
    throw last_error("reap process {}", pid_);
  }
  if (info.si_pid == 0) return std::nullopt;
  if (info.si_code == CLD_EXITED) return Ended{info.si_status, 0};
  return Ended{0, info.si_status};
}

Ended Process::wait() const {
  ended_within(std::chrono::milliseconds(-1));
  const std::optional<Ended> ended = reap();
  if (!ended) base::fail(base::Kind::Internal, "process {} is not a child", pid_);
  return *ended;
}

Fd open_pidfd(pid_t pid) {
  return Fd(check(WHARF_CALL(pidfd_open, pid, 0u), "open process {}", pid));
}

}  // namespace wharf::os
