#include "supervise/watcher.h"

#include <signal.h>

#include "base/log.h"

namespace wharf::supervise {

constexpr std::uint64_t kStopKey = 0;

Watcher::Watcher() {
  epoll_.add(wakeup_.fd(), EPOLLIN, kStopKey);
  thread_ = std::jthread([this] { run(); });
}

Watcher::~Watcher() {
  thread_.request_stop();
  wakeup_.signal();
  thread_.join();
}

void Watcher::watch(std::shared_ptr<Connection> connection) {
  const std::scoped_lock lock(lock_);
  const std::uint64_t key = ++last_key_;
  Connection& watched = *connection;
  all_[key].connection = std::move(connection);
  epoll_.add(watched.events_socket(), EPOLLIN, key);
}

void Watcher::forget(const Connection& connection) {
  const std::scoped_lock lock(lock_);
  for (auto& [key, watched] : all_) {
    if (watched.connection.get() != &connection) continue;
    drop(key);
    return;
  }
}

void Watcher::reap(os::Process process) {
  const std::scoped_lock lock(lock_);
  const std::uint64_t key = ++last_key_;
  os::Process& kept = all_[key].process;
  kept = std::move(process);
  epoll_.add(kept.pidfd(), EPOLLIN, key);
}

void Watcher::run() {
  while (true) {
    std::array<epoll_event, 32> events;
    for (const epoll_event& event : epoll_.wait(events, std::chrono::milliseconds(-1))) {
      if (event.data.u64 == kStopKey) return;
      // A failure with one container must not end the events of all others.
      try {
        ready(event.data.u64);
      } catch (const std::exception& error) {
        base::log_error("event of a supervisor: {}", error.what());
      }
    }
  }
}

void Watcher::ready(std::uint64_t key) {
  std::shared_ptr<Connection> connection;
  bool silent = false;
  {
    const std::scoped_lock lock(lock_);
    const auto found = all_.find(key);
    if (found == all_.end()) return;
    Watched& watched = found->second;
    if (watched.process.valid()) {
      watched.process.reap();
      return drop(key);
    }
    connection = watched.connection;
    silent = watched.silent;
  }
  if (!silent && connection->read_event()) return;
  // Callbacks are made without our lock: they may start and forget containers.
  const bool finished = silent || connection->ended();
  const std::scoped_lock lock(lock_);
  const auto found = all_.find(key);
  if (found == all_.end()) return;
  if (silent) bury(connection);
  if (finished) return drop(key);
  supervisor_gone(key, found->second);
}

void Watcher::supervisor_gone(std::uint64_t key, Watched& watched) {
  // PID 1 has died with its parent (PR_SET_PDEATHSIG) or is about to; "lost" promises that it
  // is dead, so its end is awaited here, where waiting costs nothing.
  const os::Process& init = watched.connection->init();
  epoll_.remove(watched.connection->events_socket());
  watched.silent = true;
  init.signal(SIGKILL);
  epoll_.add(init.pidfd(), EPOLLIN, key);
  // Frozen, it would not take the signal.
  sweeper_.submit([connection = watched.connection] { connection->kill_processes(); });
}

void Watcher::bury(std::shared_ptr<Connection> connection) {
  // Ours to reap where the daemon adopts orphans (PR_SET_CHILD_SUBREAPER); else no child.
  connection->init().reap();
  sweeper_.submit([connection = std::move(connection)] {
    connection->sweep();
    connection->deliver_lost();
  });
}

void Watcher::drop(std::uint64_t key) {
  const auto found = all_.find(key);
  const Watched& watched = found->second;
  if (watched.process.valid()) {
    epoll_.remove(watched.process.pidfd());
  } else if (watched.silent) {
    epoll_.remove(watched.connection->init().pidfd());
  } else {
    epoll_.remove(watched.connection->events_socket());
  }
  all_.erase(found);
}

}  // namespace wharf::supervise
