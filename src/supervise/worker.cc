#include "supervise/worker.h"

#include "base/log.h"

namespace wharf::supervise {

Worker::Worker() : thread_([this](std::stop_token stop) { run(stop); }) {}
Worker::~Worker() = default;

void Worker::submit(std::function<void()> job) {
  const std::scoped_lock lock(lock_);
  jobs_.push_back(std::move(job));
  submitted_.notify_one();
}

void Worker::run(std::stop_token stop) {
  while (true) {
    std::function<void()> job;
    {
      std::unique_lock lock(lock_);
      if (!submitted_.wait(lock, stop, [this] { return !jobs_.empty(); })) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    try {
      job();
    } catch (const std::exception& error) {
      base::log_warn("{}", error.what());
    }
  }
}

}  // namespace wharf::supervise
