// Turns who pushes bytes into a source that is pulled from: a thread, and a bounded queue between.
//
// Owned and read by one thread. Dropping it ends the producer: its sink throws Cancelled. What the
// producer throws is thrown by read().
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>

namespace wharf::image {

class BytePipe {
 public:
  using Sink = std::function<void(std::string_view)>;

  explicit BytePipe(std::function<void(const Sink&)> producer);
  ~BytePipe();
  BytePipe(const BytePipe&) = delete;

  /// Some bytes; 0 at the end.
  std::size_t read(std::span<char> into);

 private:
  static constexpr std::size_t kMostBytes = 1 << 20;

  void run();
  void push(std::string_view bytes);

  std::function<void(const Sink&)> producer_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> pieces_;
  std::size_t taken_ = 0;   ///< Of the first piece.
  std::size_t queued_ = 0;  ///< Bytes in all pieces.
  bool ended_ = false;
  bool dropped_ = false;
  std::exception_ptr failure_;
  std::jthread thread_;
};

}  // namespace wharf::image
