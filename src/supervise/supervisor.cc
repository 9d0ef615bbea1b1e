#include "supervise/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <new>

namespace wharf::supervise {
namespace {

/// Address space for the parsed config; pages cost only when touched, and go after creation.
constexpr std::size_t kConfigArenaBytes = 4 * wire::kMaxConfigBytes;

/// How long cgroups may take to become empty of what is dying in them.
constexpr int kEmptyMs = 5000;

/// How long wharfd may take to confirm that it heard of the end. The record is on disk.
constexpr std::int64_t kHeardMs = 10'000;

/// How long the news of the end waits for the compression of what was turned over before it.
constexpr std::int64_t kCompressMs = 1000;

void nothing(int) {}

/// Never killed for memory before its container is (threats F20).
void spare_from_oom() {
  const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  // Refused without CAP_SYS_RESOURCE (rootless): then it keeps the score of wharfd.
  if (write(file, "-999", 4) < 0) errno = 0;
  close(file);
}

}  // namespace

Supervisor::Supervisor()
    : stdio_(poller_, log_), execs_(poller_), config_arena_(kConfigArenaBytes) {}

int supervise() {
  // A handler and not SIG_IGN: execve(2) makes it the default again, so nothing of it is
  // inherited by the container.
  struct sigaction action{};
  action.sa_handler = nothing;
  sigaction(SIGPIPE, &action, nullptr);
  spare_from_oom();

  // Mapped and not static: only the pages that are written cost memory, and the constructor
  // leaves the buffers alone.
  void* memory = mmap(nullptr, sizeof(Supervisor), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return 1;
  return (new (memory) Supervisor)->run(wire::kCommandDescriptor);
}

int Supervisor::run(int command) {
  command_ = command;
  fcntl(command_, F_SETFD, FD_CLOEXEC);
  if (!poller_.open() || !poller_.watch(command_, EPOLLIN, {Source::Command, 0})) return 1;
  // While there is time: an idle supervisor waits for its Launch with this done.
  discover();
  while (stage_ != Stage::Done) {
    Poller::Ready ready[16];
    const std::size_t count = poller_.wait(ready, timeout_ms());
    for (std::size_t i = 0; i < count && stage_ != Stage::Done; ++i) dispatch(ready[i]);
    after_turn();
  }
  compressed(compressing_, false);
  return 0;
}

void Supervisor::dispatch(const Poller::Ready& ready) {
  const std::uint32_t index = ready.key.index;
  switch (ready.key.source) {
    case Source::Listener:
      return accept_connection();
    case Source::Command:
      return index == 0 ? command_ready() : pending_ready();
    case Source::Events:
      return events_ready(ready.events);
    case Source::InitChannel:
      return init_channel_ready();
    case Source::Init:
      return init_ended();
    case Source::MemoryShort:
      return memory_short();
    case Source::Output:
      return stdio_.output_ready(index);
    case Source::Stdin:
      return stdio_.stdin_ready(ready.events);
    case Source::Attachment:
      return stdio_.attachment_ready(index, ready.events);
    case Source::Exec:
      return execs_.ended(index);
    case Source::ExecChannel:
      return finish_exec(index);
  }
}

void Supervisor::after_turn() {
  stdio_.expire();
  stdio_.trim_if_idle();
  if (stage_ == Stage::Draining && stdio_.drained()) finish();
  if (stage_ != Stage::Waiting && stage_ != Stage::Done) tell();
  if (stage_ != Stage::Telling) return;
  // Nobody there to tell, or nobody who listens: the record tells whoever comes.
  if (events_ < 0 || monotonic_ms() >= telling_until_ms_) stage_ = Stage::Done;
}

int Supervisor::timeout_ms() const {
  if (stage_ != Stage::Telling) return stdio_.timeout_ms();
  const bool waits = compressing_ != 0 && !exit_told_;
  const std::int64_t left = (waits ? compressing_until_ms_ : telling_until_ms_) - monotonic_ms();
  return left < 0 ? 0 : static_cast<int>(left) + 1;
}

void Supervisor::init_channel_ready() {
  if (stage_ == Stage::Starting) return start_ready();
  if (stage_ != Stage::Creating) return;
  base::Failure failure;
  poller_.forget(task_.channel);
  if (!runtime::finish_create(*spec_, inputs_, group_, task_, failure)) {
    // Nothing is left of the container, so nothing is left to supervise.
    const bool hook_failed = task_.hook_failed;
    task_ = runtime::Task();
    remove_traces();
    if (hook_failed) run_poststop();
    refuse(launch_number_, "create", failure);
    stage_ = Stage::Done;
    return;
  }
  adopt_container();
}

void Supervisor::init_ended() {
  // A short program may be over before the news that it runs was read.
  if (stage_ == Stage::Starting) start_ready();
  if (stage_ != Stage::Running) return;
  siginfo_t info{};
  if (waitid(P_PID, static_cast<id_t>(task_.pid), &info, WEXITED | WNOHANG) == 0 &&
      info.si_pid == 0) {
    return;
  }
  record_.finished_at_ns = wall_ns();
  const bool exited = info.si_code == CLD_EXITED;
  record_.signal = exited ? 0 : info.si_status;
  record_.code = exited ? info.si_status : 128 + info.si_status;
  poller_.forget(task_.pidfd);
  drop_joiners();
  stage_ = Stage::Draining;
  state_ = wire::State::Ended;
  stdio_.begin_drain();
}

/// Those who are about to join what has ended would be in its cgroup for ever, were that frozen.
void Supervisor::drop_joiners() {
  base::Failure ignored;
  if (group_.frozen() != cgroup::Frozen::No) group_.freeze(cgroup::Frozen::No, ignored);
  base::Failure ended;
  errno = ESRCH;
  ended.because_of_errno("join the container");
  std::uint32_t request = 0;
  while (execs_.give_up_one(request)) refuse(request, "exec", ended);
}

void Supervisor::memory_short() {
  char events[512];
  if (read(memory_event_, events, sizeof events) < 0 && errno != EAGAIN) {
    poller_.forget(memory_event_);
    return;
  }
  note_memory_kills();
}

void Supervisor::note_memory_kills() {
  const std::uint64_t kills = group_.oom_kills();
  if (kills <= memory_kills_) return;
  memory_kills_ = kills;
  memory_untold_ = true;
}

void Supervisor::finish() {
  // First the record: from here on the end is known whatever happens to this process.
  stdio_.close_all();
  note_memory_kills();
  record_.oom_killed = memory_kills_ > 0;
  record_.dropped_lines = log_.dropped();
  write_exit_record(data_directory_, record_);

  remove_traces();
  execs_.reap_all(kEmptyMs);
  run_poststop();
  stage_ = Stage::Telling;
  compressing_until_ms_ = monotonic_ms() + kCompressMs;
  telling_until_ms_ = compressing_until_ms_ + kHeardMs;
}

/// Each of them, whatever the others do.
void Supervisor::run_poststop() {
  if (spec_ == nullptr) return;
  for (const oci::Hook& hook : spec_->hooks.poststop) {
    base::Failure ignored;
    runtime::run_hooks({&hook, 1}, "poststop", hook_state("stopped"), ignored);
  }
}

void Supervisor::take_back() {
  if (task_.pid > 0) {
    kill(task_.pid, SIGKILL);
    execs_.reap_all(kEmptyMs);
    waitpid(task_.pid, nullptr, 0);
  }
  stdio_.close_all();
  remove_traces();
  run_poststop();
  stage_ = Stage::Done;
}

void Supervisor::remove_traces() {
  // Before anybody is told: the container may be started anew at once, under the same names.
  base::Failure ignored;
  if (group_.pids({}) > 0) group_.signal_all(SIGKILL, ignored);
  group_.remove(kEmptyMs, ignored);
  close_fd(listener_);
  if (run_directory_ < 0) return;
  unlinkat(run_directory_, "sock", 0);
  // Its own name is reached from its parent, and its parent from inside.
  if (fchdir(run_directory_) < 0) return;
  const base::Text<300> name("../", id_.view());
  rmdir(name.c_str());
  close_fd(run_directory_);
}

}  // namespace wharf::supervise
