// Network namespaces made ahead of time.
//
// Making one takes 0.66 ms, more than all the rest of a join. A thread of the pool keeps some
// ready: loopback up, sysctls as Docker sets them, and an rtnetlink socket opened inside, so
// that interfaces are set up without entering. take() never waits for the thread: where the
// pool is empty it makes one itself.
//
// Thread-safe.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "os/fd.h"
#include "os/netlink.h"

namespace wharf::network {

/// A namespace and the way to talk to its interfaces.
struct NetworkNamespace {
  os::Fd fd;
  os::NetlinkSocket route;

  /// Fresh, with loopback up.
  static NetworkNamespace make();
  /// One that is there: opens the socket inside.
  static NetworkNamespace enter(os::Fd fd);
};

class NamespacePool {
 public:
  explicit NamespacePool(unsigned size);
  ~NamespacePool();
  NamespacePool(const NamespacePool&) = delete;

  NetworkNamespace take();

 private:
  void fill(std::stop_token stop);

  const unsigned size_;
  std::mutex mutex_;
  std::condition_variable_any wanted_;
  std::deque<NetworkNamespace> ready_;
  std::jthread thread_;  // Last: stopped before the rest goes.
};

}  // namespace wharf::network
