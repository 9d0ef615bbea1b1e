// Acting on the processes of a group: signals, freezing, and what ran out of memory.
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "cgroup/control_file.h"
#include "cgroup/group.h"
#include "os/fault.h"

namespace wharf::cgroup {
namespace {

constexpr int kFreezeTries = 500;  // of a millisecond each
constexpr int kKillRounds = 10;
constexpr std::size_t kPidsAtOnce = 1024;

void sleep_a_millisecond() {
  const timespec pause{0, 1'000'000};
  ::nanosleep(&pause, nullptr);
}

bool says(int directory, const char* file, std::string_view word) {
  base::Text<127> text;
  return read_value(directory, file, text) && text.view().starts_with(word);
}

bool set_frozen_v1(int freezer, Frozen wanted, Failure& failure) {
  const std::string_view word = wanted == Frozen::Yes ? "FROZEN" : "THAWED";
  for (int i = 0; i < kFreezeTries; ++i) {
    // Written again each time: a process that was forking may have been missed.
    if (!write_value(freezer, "freezer.state", word, failure)) return false;
    if (says(freezer, "freezer.state", word)) return true;
    sleep_a_millisecond();
  }
  // A process in uninterruptible sleep cannot freeze; do not leave the others half frozen.
  (void)try_write(freezer, "freezer.state", "THAWED");
  return failure.because("cgroup: processes did not freeze in time");
}

bool set_frozen_v2(int directory, Frozen wanted, Failure& failure) {
  const bool freeze = wanted == Frozen::Yes;
  if (!write_value(directory, "cgroup.freeze", freeze ? "1" : "0", failure)) return false;
  for (int i = 0; i < kFreezeTries; ++i) {
    if (read_keyed(directory, "cgroup.events", "frozen") == (freeze ? 1U : 0U)) return true;
    sleep_a_millisecond();
  }
  if (freeze) (void)try_write(directory, "cgroup.freeze", "0");
  return failure.because("cgroup: processes did not freeze in time");
}

}  // namespace

bool Group::freeze(Frozen wanted, Failure& failure) {
  const int freezer = directory("freezer");
  if (freezer < 0) return failure.because("cgroup: no freezer controller");
  return hierarchies_->unified ? set_frozen_v2(freezer, wanted, failure)
                               : set_frozen_v1(freezer, wanted, failure);
}

Frozen Group::frozen() const {
  const int freezer = directory("freezer");
  if (freezer < 0) return Frozen::No;
  const bool yes = hierarchies_->unified ? says(freezer, "cgroup.freeze", "1")
                                         : says(freezer, "freezer.state", "FR");
  return yes ? Frozen::Yes : Frozen::No;
}

bool Group::signal_all(int signal, Failure& failure) {
  const int unified = unified_directory();
  if (unified >= 0 && signal == SIGKILL && try_write(unified, "cgroup.kill", "1")) {
    (void)try_write(unified, "cgroup.freeze", "0");
    return true;
  }
  pid_t pids[kPidsAtOnce];
  if (this->pids({}) == 0) return true;
  // Frozen, a fork bomb stands still while each of its processes gets the signal.
  const int freezer = directory("freezer");
  const bool v1_freezer = unified < 0 && freezer >= 0;
  for (int round = 0; round < kKillRounds; ++round) {
    if (v1_freezer && signal == SIGKILL) (void)try_write(freezer, "freezer.state", "FROZEN");
    const std::size_t found = this->pids(pids);
    const std::size_t count = found < kPidsAtOnce ? found : kPidsAtOnce;
    bool fine = true;
    for (std::size_t i = 0; i < count; ++i) {
      if (::kill(pids[i], signal) < 0 && errno != ESRCH) fine = false;
    }
    if (!fine) (void)failure.because_of_errno("cgroup: signal processes");
    if (v1_freezer && signal == SIGKILL) (void)try_write(freezer, "freezer.state", "THAWED");
    if (!fine) return false;
    // Another signal is sent once to each; a kill until nothing is left to be killed.
    if (signal != SIGKILL || found == 0) return true;
    sleep_a_millisecond();
  }
  return true;
}

std::uint64_t Group::oom_kills() const {
  const int memory = directory("memory");
  if (memory < 0) return 0;
  const bool v2 = hierarchies_->unified;
  return read_keyed(memory, v2 ? "memory.events" : "memory.oom_control", "oom_kill");
}

int Group::oom_event() const {
  const int memory = directory("memory");
  if (memory < 0) return -1;
  if (hierarchies_->unified) {
    const int watch = WHARF_CALL(inotify_init1, IN_CLOEXEC | IN_NONBLOCK);
    const base::Text<63> path("/proc/self/fd/", memory, "/memory.events");
    if (watch >= 0 && WHARF_CALL(inotify_add_watch, watch, path.c_str(), IN_MODIFY) >= 0) {
      return watch;
    }
    if (watch >= 0) ::close(watch);
    return -1;
  }
  const int event = WHARF_CALL(eventfd, 0, EFD_CLOEXEC | EFD_NONBLOCK);
  const int control = WHARF_CALL(openat, memory, "memory.oom_control", O_RDONLY | O_CLOEXEC);
  const base::Text<31> line(event, " ", control);
  const bool fine =
      event >= 0 && control >= 0 && try_write(memory, "cgroup.event_control", line.view());
  if (control >= 0) ::close(control);
  if (fine) return event;
  if (event >= 0) ::close(event);
  return -1;
}

}  // namespace wharf::cgroup
