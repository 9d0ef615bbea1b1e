// How init and the joiner say that a step failed: to the caller, then they end.
//
// After clone3(2) there is nothing to clean up: the kernel gives everything back when the
// process ends. So code there reads straight down: report.check(call, "what was done").
#pragma once

#include <cerrno>

#include "base/failure.h"
#include "runtime/channel.h"

namespace wharf::runtime {

/// Where a process says which descriptor its seccomp listener is, and waits until it was taken. Its
/// own filter may stop every system call by then: memory that is shared with the caller is left.
/// Both are read and written by __atomic builtins.
struct ListenerPage {
  int descriptor = -1;
  int taken = 0;
};

/// Memory that the caller of an exec shares with the joiner and, for an instant, the process.
struct ExecNotes {
  pid_t pid = -1;
  int error = 0;
  char text[1000] = {};
  ListenerPage listener;
};

class Report {
 public:
  explicit Report(int channel) : channel_(channel) {}
  /// For an exec: what fails is noted there, as the new process may hold no descriptor.
  Report(int channel, ExecNotes* notes) : channel_(channel), notes_(notes) {}

  /// The result, unless it is negative: then the words and errno go to the caller, no return.
  template <class Result, class... Words>
  Result check(Result result, const Words&... words) {
    if (result < 0) [[unlikely]]
      fail_errno(words...);
    return result;
  }

  template <class... Words>
  [[noreturn, gnu::cold]] void fail_errno(const Words&... words) {
    base::Failure failure;
    (void)failure.because_of_errno(words...);
    send(failure);
  }
  template <class... Words>
  [[noreturn, gnu::cold]] void fail(const Words&... words) {
    base::Failure failure;
    (void)failure.because(words...);
    send(failure);
  }
  [[noreturn]] void send(const base::Failure& failure, News news = News::Failed);

  /// Waits for this message; the process ends when the caller is gone.
  void expect(News news);

  int channel() const { return channel_; }
  void use(int channel) { channel_ = channel; }

 private:
  int channel_;
  ExecNotes* notes_ = nullptr;
};

}  // namespace wharf::runtime
