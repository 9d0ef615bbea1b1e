// Work that must not be done on the thread that learns of it.
//
// Every job has a thread of its own while it runs, taken from those idle or newly made: a job
// that is stuck on one container delays no other. Threads end after some idle seconds.
// Any thread may call; the destructor waits for all jobs.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace wharf::base {

class Jobs {
 public:
  using Job = std::function<void()>;

  Jobs();
  ~Jobs();
  Jobs(const Jobs&) = delete;

  /// What a job throws is logged.
  void run(Job job);
  void run_after(std::chrono::nanoseconds delay, Job job);

 private:
  using Clock = std::chrono::steady_clock;
  void work();
  void keep_time(std::stop_token stop);
  void start_thread_locked();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable none_left_;
  std::condition_variable_any due_;
  std::deque<Job> queue_;
  std::multimap<Clock::time_point, Job> timed_;
  std::size_t idle_ = 0;
  std::size_t threads_ = 0;
  bool ending_ = false;
  std::jthread clock_;
};

}  // namespace wharf::base
