// The thread that hears all supervisors: their events, their ends, and their bodies.
//
// One epoll for any number of containers. Room-internal, owned by Supervisors. Callbacks of
// connections run on its thread, but `lost`: that follows the sweep, on a second one. Functions may
// be called from any thread, callbacks included.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "os/poll.h"
#include "os/process.h"
#include "supervise/connection.h"

namespace wharf::supervise {

class Watcher {
 public:
  Watcher();
  ~Watcher();
  Watcher(const Watcher&) = delete;

  /// Delivers the events of `connection` until it ends or forget().
  void watch(std::shared_ptr<Connection> connection);
  void forget(const Connection& connection);

  /// Reaps a child of ours when it ends.
  void reap(os::Process process);

 private:
  struct Watched {
    std::shared_ptr<Connection> connection;
    bool silent = false;  // The supervisor is gone; the end of PID 1 is awaited.
    os::Process process;  // Instead of a connection: a body to take away.
  };
  void run();
  void ready(std::uint64_t key);
  void supervisor_gone(std::uint64_t key, Watched& watched);
  void bury(std::shared_ptr<Connection> connection);
  void drop(std::uint64_t key);

  Worker sweeper_;
  os::Epoll epoll_;
  os::Wakeup wakeup_;
  std::mutex lock_;
  std::uint64_t last_key_ = 0;
  std::map<std::uint64_t, Watched> all_;
  std::jthread thread_;
};

}  // namespace wharf::supervise
