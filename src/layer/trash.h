// Directories on their way out: renamed at once, removed in the background.
//
// What lies in <data-root>/trash is nobody's; what an earlier daemon left there is removed at
// start. One thread removes, so deleting a large image delays nobody. Thread-safe.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "os/file.h"

namespace wharf::layer {

class Trash {
 public:
  explicit Trash(const os::Path& directory);
  ~Trash();

  /// Takes `path`, which must be on the same file system. Missing is no error.
  void take(const os::Path& path);

  /// Waits until everything taken so far is gone.
  void empty();

 private:
  void run(std::stop_token stop);

  os::Path path_;
  os::Fd directory_;
  std::mutex lock_;
  std::condition_variable_any changed_;
  std::deque<std::string> names_;
  std::size_t left_ = 0;
  std::jthread thread_;
};

}  // namespace wharf::layer
