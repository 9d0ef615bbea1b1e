#include "supervise/execs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <new>

namespace wharf::supervise {
namespace {

/// The parsed process: argv, environment and what else is in it.
constexpr std::size_t kArenaBytes = 4 * wire::kMaxConfigBytes;

void close_all(int (&fds)[3]) {
  for (int& fd : fds) close_fd(fd);
}

}  // namespace

bool Execs::open_streams(Slot& slot, std::uint8_t streams, int (&child)[3]) {
  for (unsigned i = 0; i < 3; ++i) {
    if ((streams & (1u << i)) == 0) continue;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return false;
    const bool we_write = i == 0;
    slot.ends[i] = ends[we_write ? 1 : 0];
    child[i] = ends[we_write ? 0 : 1];
  }
  return true;
}

void Execs::release(Slot& slot) {
  close_all(slot.ends);
  runtime::close_task(slot.task);
  slot = Slot();
}

Execs::Slot* Execs::free_slot(std::uint32_t& index) {
  for (index = 0; index < high_; ++index) {
    if (slot_at(index).stage == Stage::Free) return &slot_at(index);
  }
  if (high_ == kMaxExecs) return nullptr;
  ++high_;
  return new (&slot_at(index)) Slot;
}

bool Execs::prepare(Slot& slot, const ExecStart& start, const runtime::Target& where,
                    runtime::Failure& failure) {
  base::Arena arena(kArenaBytes);
  oci::Process process;
  if (!oci::parse_process(arena, start.process_json, process, failure)) return false;
  process.terminal = start.tty;
  process.console_rows = start.rows;
  process.console_columns = start.columns;
  // Ours is -999, and that is no process's of a container (threats F20).
  if (!process.oom_score_adj) process.oom_score_adj = 0;

  int child[3] = {-1, -1, -1};
  bool good = start.tty || open_streams(slot, start.streams, child) ||
              failure.because_of_errno("make pipes");
  if (good) {
    runtime::Target target = where;
    for (unsigned i = 0; i < 3; ++i) target.stdio[i] = child[i];
    good = runtime::exec_process(process, target, slot.task, failure);
  }
  close_all(child);
  return good;
}

bool Execs::begin(const ExecStart& start, const runtime::Target& target,
                  runtime::Failure& failure) {
  std::uint32_t index = 0;
  Slot* slot = free_slot(index);
  if (!slot) return failure.because("more than ", kMaxExecs, " processes of exec");
  slot->tty = start.tty;
  slot->rows = start.rows;
  slot->columns = start.columns;
  slot->request = start.request;
  if (!prepare(*slot, start, target, failure)) {
    release(*slot);
    return false;
  }
  slot->stage = Stage::Joining;
  slot->id = start.id;
  if (poller_.watch(slot->task.channel, EPOLLIN, {Source::ExecChannel, index})) return true;
  failure.because_of_errno("watch process");
  runtime::abandon_exec(slot->task);
  release(*slot);
  return false;
}

Execs::Started Execs::channel_ready(std::uint32_t index, runtime::Failure& failure) {
  Slot& slot = slot_at(index);
  Started started;
  started.id = slot.id;
  started.request = slot.request;
  if (slot.stage != Stage::Joining) return started;
  poller_.forget(slot.task.channel);
  if (!runtime::finish_exec(slot.task, failure)) {
    release(slot);
    return started;
  }
  if (slot.tty) {
    winsize size{};
    size.ws_row = slot.rows;
    size.ws_col = slot.columns;
    if (size.ws_row != 0) ioctl(slot.task.terminal, TIOCSWINSZ, &size);
    slot.ends[0] = slot.task.terminal;
    slot.task.terminal = -1;
  }
  started.running = true;
  started.pid = slot.task.pid;
  for (int& end : slot.ends) {
    if (end < 0) continue;
    started.ends[started.end_count++] = end;
    end = -1;
  }
  slot.stage = Stage::Running;
  if (!poller_.watch(slot.task.pidfd, EPOLLIN, {Source::Exec, index})) ended(index);
  return started;
}

void Execs::ended(std::uint32_t index) {
  Slot& slot = slot_at(index);
  if (slot.stage != Stage::Running) return;
  siginfo_t info{};
  const auto which = static_cast<id_t>(slot.task.pid);
  if (waitid(P_PID, which, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0) return;
  slot.code = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
  runtime::close_task(slot.task);
  slot.stage = Stage::Ended;
}

bool Execs::untold(std::uint32_t& index, std::uint64_t& id, int& code) const {
  for (std::uint32_t i = 0; i < high_; ++i) {
    if (slot_at(i).stage != Stage::Ended) continue;
    index = i;
    id = slot_at(i).id;
    code = slot_at(i).code;
    return true;
  }
  return false;
}

void Execs::told(std::uint32_t index) {
  release(slot_at(index));
}

bool Execs::joined(std::uint32_t& index, int patience_ms) const {
  for (index = 0; index < high_; ++index) {
    if (slot_at(index).stage != Stage::Joining) continue;
    pollfd entry{slot_at(index).task.channel, POLLIN, 0};
    if (poll(&entry, 1, patience_ms) > 0) return true;
  }
  return false;
}

bool Execs::give_up_one(std::uint32_t& request) {
  for (std::uint32_t i = 0; i < high_; ++i) {
    Slot& slot = slot_at(i);
    if (slot.stage != Stage::Joining) continue;
    request = slot.request;
    poller_.forget(slot.task.channel);
    runtime::abandon_exec(slot.task);
    release(slot);
    return true;
  }
  return false;
}

void Execs::reap_all(int patience_ms) {
  for (std::uint32_t i = 0; i < high_; ++i) {
    if (slot_at(i).stage != Stage::Running) continue;
    pollfd entry{slot_at(i).task.pidfd, POLLIN, 0};
    if (poll(&entry, 1, patience_ms) > 0) ended(i);
  }
}

bool Execs::signal(std::uint64_t id, int number) {
  for (std::uint32_t i = 0; i < high_; ++i) {
    if (slot_at(i).stage != Stage::Running || slot_at(i).id != id) continue;
    return syscall(SYS_pidfd_send_signal, slot_at(i).task.pidfd, number, nullptr, 0) == 0;
  }
  errno = ESRCH;
  return false;
}

}  // namespace wharf::supervise
