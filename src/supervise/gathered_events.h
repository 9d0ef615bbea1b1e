// The events of one container, gathered for tests that wait for them.
//
// Any thread. Used by *_test.cc only.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>

#include "supervise/client.h"

namespace wharf::supervise {

using std::chrono::milliseconds;

/// The events of one container, gathered.
class Ends {
 public:
  Events callbacks() {
    return {[this](const Exit& exit) { put([&] { exit_ = exit; }); },
            [this](const ExecExit& exit) { put([&] { execs_[exit.exec] = exit.code; }); },
            [this] { put([&] { ++ooms_; }); }, [this] { put([&] { lost_ = true; }); }};
  }

  std::optional<Exit> exit(milliseconds time = milliseconds(5000)) {
    return wait(time, [this] { return exit_.has_value(); }) ? exit_ : std::nullopt;
  }
  std::optional<int> exec(std::uint64_t id, milliseconds time = milliseconds(5000)) {
    if (!wait(time, [&] { return execs_.contains(id); })) return std::nullopt;
    return execs_[id];
  }
  bool lost(milliseconds time = milliseconds(5000)) {
    return wait(time, [this] { return lost_; });
  }
  bool oom(milliseconds time = milliseconds(5000)) {
    return wait(time, [this] { return ooms_ > 0; });
  }

 private:
  template <class Change>
  void put(Change change) {
    const std::scoped_lock lock(lock_);
    change();
    changed_.notify_all();
  }
  template <class Condition>
  bool wait(milliseconds time, Condition condition) {
    std::unique_lock lock(lock_);
    return changed_.wait_for(lock, time, condition);
  }

  std::mutex lock_;
  std::condition_variable changed_;
  std::optional<Exit> exit_;
  std::map<std::uint64_t, int> execs_;
  int ooms_ = 0;
  bool lost_ = false;
};

}  // namespace wharf::supervise
