// Things that take long to make, made ahead of time.
//
// A thread keeps `size` of them ready. It works while nobody else does: after something was
// taken it waits for a quiet moment, so that what is made for the next caller does not hold up
// this one; an empty stock it fills at once. take() never waits. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "base/log.h"

namespace wharf::base {

template <typename T>
class Stock {
 public:
  /// `make` runs on the stock's thread. What it throws is logged with `what`, and tried again
  /// after a second.
  Stock(std::size_t size, std::string what, std::function<T()> make)
      : size_(size), what_(std::move(what)), make_(std::move(make)) {
    if (size_ > 0) thread_ = std::jthread([this](std::stop_token stop) { fill(stop); });
  }
  Stock(const Stock&) = delete;

  std::optional<T> take() {
    const std::lock_guard lock(mutex_);
    ++takes_;
    wanted_.notify_one();
    if (ready_.empty()) return std::nullopt;
    T taken = std::move(ready_.front());
    ready_.pop_front();
    return taken;
  }

 private:
  static constexpr std::chrono::milliseconds kQuiet{20};
  static constexpr std::chrono::seconds kPauseAfterFailure{1};

  void fill(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    while (wanted_.wait(lock, stop, [&] { return ready_.size() < size_; })) {
      if (stop.stop_requested()) return;
      const std::uint64_t takes = takes_;
      const auto busy = [&] { return takes_ != takes || ready_.empty(); };
      if (!ready_.empty() && wanted_.wait_for(lock, stop, kQuiet, busy) && !ready_.empty())
        continue;
      if (stop.stop_requested()) return;
      lock.unlock();
      std::optional<T> made = try_to_make();
      lock.lock();
      if (made) {
        ready_.push_back(std::move(*made));
      } else {
        wanted_.wait_for(lock, stop, kPauseAfterFailure, [] { return false; });
      }
    }
  }

  std::optional<T> try_to_make() {
    try {
      return make_();
    } catch (const std::exception& error) {
      log_warn("make {} ahead of time: {}", what_, error.what());
      return std::nullopt;
    }
  }

  const std::size_t size_;
  const std::string what_;
  const std::function<T()> make_;
  std::mutex mutex_;
  std::condition_variable_any wanted_;
  std::uint64_t takes_ = 0;
  std::deque<T> ready_;
  std::jthread thread_;  // Last: stopped before the rest goes.
};

}  // namespace wharf::base
