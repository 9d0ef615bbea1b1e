// Waiting for descriptors: one with a deadline, or many.
//
// poll(2), epoll(7), eventfd(2). wait_for() is for any thread. An Epoll is waited on by one
// thread; others may add, change and remove meanwhile. Functions throw base::Error.
#pragma once

#include <sys/epoll.h>

#include <chrono>
#include <cstdint>
#include <span>

#include "os/fd.h"

namespace wharf::os {

/// The poll(2) events that are true (POLLHUP and POLLERR included), 0 when the time is over.
/// A negative time waits for ever.
short wait_for(const Fd& fd, short events, std::chrono::milliseconds time);

class Epoll {
 public:
  Epoll();
  /// `key` comes back with each event of `fd`. `events`: EPOLLIN and the like.
  void add(const Fd& fd, std::uint32_t events, std::uint64_t key);
  void change(const Fd& fd, std::uint32_t events, std::uint64_t key);
  void remove(const Fd& fd);

  /// Fills `into` and returns the part that was filled; empty when the time is over.
  std::span<epoll_event> wait(std::span<epoll_event> into, std::chrono::milliseconds time);

 private:
  Fd fd_;
};

/// Wakes a thread that waits: an eventfd(2).
class Wakeup {
 public:
  Wakeup();
  const Fd& fd() const { return fd_; }  ///< Readable once signalled.
  void signal();
  void clear();

 private:
  Fd fd_;
};

}  // namespace wharf::os
