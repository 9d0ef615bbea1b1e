#include "base/jobs.h"

#include "base/log.h"

namespace wharf::base {

namespace {

constexpr std::chrono::seconds kIdle{5};

/// Takes the job: what it holds is given back here, where no lock is held.
void run_logged(Jobs::Job job) {
  try {
    job();
  } catch (const std::exception& error) {
    log_error("{}", error.what());
  }
}

}  // namespace

Jobs::Jobs() : clock_([this](std::stop_token stop) { keep_time(stop); }) {}

Jobs::~Jobs() {
  clock_.request_stop();
  clock_.join();
  decltype(timed_) never_due;
  std::unique_lock lock(mutex_);
  ending_ = true;
  never_due.swap(timed_);  // Destroyed after the lock is gone.
  wake_.notify_all();
  none_left_.wait(lock, [&] { return threads_ == 0; });
}

void Jobs::start_thread_locked() {
  ++threads_;
  try {
    std::thread([this] { work(); }).detach();
  } catch (...) {
    --threads_;
    // Out of threads: the job stays in the queue for one of those that run.
    if (threads_ == 0) throw;
  }
}

void Jobs::run(Job job) {
  const std::lock_guard lock(mutex_);
  queue_.push_back(std::move(job));
  if (idle_ < queue_.size()) start_thread_locked();
  wake_.notify_one();
}

void Jobs::run_after(std::chrono::nanoseconds delay, Job job) {
  const std::lock_guard lock(mutex_);
  timed_.emplace(Clock::now() + delay, std::move(job));
  due_.notify_all();
}

void Jobs::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    if (queue_.empty()) {
      ++idle_;
      wake_.wait_for(lock, kIdle, [&] { return !queue_.empty() || ending_; });
      --idle_;
    }
    if (queue_.empty()) break;
    Job job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    run_logged(std::move(job));
    lock.lock();
  }
  if (--threads_ == 0) none_left_.notify_all();
}

void Jobs::keep_time(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (timed_.empty()) {
      due_.wait(lock, stop, [&] { return !timed_.empty(); });
      continue;
    }
    const auto first = timed_.begin()->first;
    due_.wait_until(lock, stop, first, [&] { return timed_.begin()->first < first; });
    while (!timed_.empty() && timed_.begin()->first <= Clock::now()) {
      queue_.push_back(std::move(timed_.begin()->second));
      timed_.erase(timed_.begin());
      if (idle_ < queue_.size()) start_thread_locked();
      wake_.notify_one();
    }
  }
}

}  // namespace wharf::base
