#include "image/byte_pipe.h"

#include <cstring>

#include "base/error.h"

namespace wharf::image {

BytePipe::BytePipe(std::function<void(const Sink&)> producer)
    : producer_(std::move(producer)), thread_([this] { run(); }) {}

BytePipe::~BytePipe() {
  {
    const std::lock_guard lock(mutex_);
    dropped_ = true;
  }
  changed_.notify_all();
}

void BytePipe::run() {
  std::exception_ptr failure;
  try {
    producer_([this](std::string_view bytes) { push(bytes); });
  } catch (...) {
    failure = std::current_exception();
  }
  {
    const std::lock_guard lock(mutex_);
    failure_ = failure;
    ended_ = true;
  }
  changed_.notify_all();
}

void BytePipe::push(std::string_view bytes) {
  if (bytes.empty()) return;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return dropped_ || queued_ < kMostBytes; });
  if (dropped_) base::fail(base::Kind::Cancelled, "context canceled");
  pieces_.emplace_back(bytes);
  queued_ += bytes.size();
  lock.unlock();
  changed_.notify_all();
}

std::size_t BytePipe::read(std::span<char> into) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ended_ || !pieces_.empty(); });
  if (pieces_.empty()) {
    if (failure_) std::rethrow_exception(failure_);
    return 0;
  }
  const std::string& first = pieces_.front();
  const std::size_t size = std::min(into.size(), first.size() - taken_);
  std::memcpy(into.data(), first.data() + taken_, size);
  taken_ += size;
  queued_ -= size;
  if (taken_ == first.size()) {
    pieces_.pop_front();
    taken_ = 0;
  }
  lock.unlock();
  changed_.notify_all();
  return size;
}

}  // namespace wharf::image
