// Notices clients that went away while their request is being served.
//
// One thread for all connections waits with epoll(7) for EPOLLRDHUP, the half-close that
// Go's server too takes for the client's leaving. Started by the first watch. Any thread.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <stop_token>
#include <thread>

#include "os/fd.h"

namespace wharf::http {

class Watcher {
 public:
  class Watch;

  Watcher() = default;
  ~Watcher();
  Watcher(const Watcher&) = delete;

  /// `gone` is requested to stop when the peer of `socket` closes, while the Watch lives.
  Watch watch(int socket, std::stop_source gone);

 private:
  void start();
  void run();
  void drop(std::uint64_t number, int socket);

  std::mutex mutex_;
  std::uint64_t next_number_ = 1;
  std::map<std::uint64_t, std::stop_source> watched_;
  os::Fd epoll_;
  os::Fd wake_;
  std::thread thread_;
};

/// Owns one watch; must go before its socket is closed.
class Watcher::Watch {
 public:
  Watch(Watcher& watcher, std::uint64_t number, int socket)
      : watcher_(&watcher), number_(number), socket_(socket) {}
  ~Watch();
  Watch(Watch&& other) noexcept
      : watcher_(std::exchange(other.watcher_, nullptr)),
        number_(other.number_),
        socket_(other.socket_) {}
  Watch& operator=(Watch&&) = delete;

 private:
  Watcher* watcher_;
  std::uint64_t number_;
  int socket_;
};

}  // namespace wharf::http
