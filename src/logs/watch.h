// Tells followers that something changed in a container's directory.
//
// One inotify instance and one thread for the whole daemon, however many follow: the kernel
// allows 128 instances per user. Any thread may call; an Interest belongs to one thread and
// must not outlive its Watch.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "os/fd.h"
#include "os/file.h"

namespace wharf::logs {

class Watch {
 public:
  class Interest;

  Watch();
  ~Watch();
  Watch(const Watch&) = delete;

  /// From here on every write, creation and rename in `directory` is told.
  Interest on(const os::Path& directory);

 private:
  using Signal = std::shared_ptr<os::Fd>;
  void run();
  void leave(int descriptor, const Signal& signal);

  os::Fd inotify_;
  os::Fd stop_;
  std::mutex mutex_;
  std::map<int, std::vector<Signal>> interests_;
  std::jthread thread_;
};

class Watch::Interest {
 public:
  Interest(Watch& watch, int descriptor, Signal signal)
      : watch_(&watch), descriptor_(descriptor), signal_(std::move(signal)) {}
  Interest(Interest&& other) noexcept
      : watch_(std::exchange(other.watch_, nullptr)),
        descriptor_(other.descriptor_),
        signal_(std::move(other.signal_)) {}
  ~Interest();

  /// Readable when something changed since the last clear().
  const os::Fd& fd() const { return *signal_; }
  void clear();

 private:
  Watch* watch_;
  int descriptor_;
  Signal signal_;
};

}  // namespace wharf::logs
