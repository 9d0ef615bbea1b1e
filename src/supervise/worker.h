// One thread that does slow work in the order it came, so that quick threads need not.
//
// A job that throws is logged and the next one follows. Jobs that have not begun when the
// Worker is destroyed are dropped. submit() may be called from any thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace wharf::supervise {

class Worker {
 public:
  Worker();
  ~Worker();
  Worker(const Worker&) = delete;

  void submit(std::function<void()> job);

 private:
  void run(std::stop_token stop);

  std::mutex lock_;
  std::condition_variable_any submitted_;
  std::deque<std::function<void()>> jobs_;
  std::jthread thread_;
};

}  // namespace wharf::supervise
