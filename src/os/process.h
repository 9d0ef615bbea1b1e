// Processes: started by posix_spawn(3), known by pidfd, never by a number that can be reused.
//
// posix_spawn and not fork: the daemon is large and has many threads; vfork semantics cost
// 0.4 ms whatever its size. pidfd_open(2), pidfd_send_signal(2), waitid(2) with P_PIDFD.
// A Process is not thread-safe; its functions throw base::Error.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "os/fd.h"

namespace wharf::os {

/// A descriptor of ours that the program finds at number `as`. Everything else is closed.
struct Inherit {
  const Fd* fd = nullptr;
  int as = -1;
};

struct SpawnRequest {
  std::string program;                 ///< A path; PATH is not searched.
  std::vector<std::string> arguments;  ///< Without argv[0], which is `name`.
  std::string name;                    ///< Empty: the program's path.
  std::vector<std::string> environment;
  std::vector<Inherit> descriptors;  ///< 0, 1, 2 not named here are /dev/null.
  bool new_session = false;          ///< setsid(2): signals of our terminal stay away.
};

/// How it ended: what waitid(2) says.
struct Ended {
  int code = 0;    ///< Of exit(2).
  int signal = 0;  ///< That killed it, or 0.
  /// As shells and Docker count.
  int shell_code() const { return signal ? 128 + signal : code; }
};

class Process {
 public:
  Process() = default;
  /// A child of ours.
  static Process spawn(const SpawnRequest& request);
  /// Any process, by a pidfd that came from elsewhere.
  Process(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

  pid_t pid() const { return pid_; }
  const Fd& pidfd() const { return pidfd_; }
  bool valid() const { return pidfd_.valid(); }

  /// False when it has ended already.
  bool signal(int number) const;

  /// True once it has ended (a zombie has). Does not reap. Negative: for ever.
  bool ended_within(std::chrono::milliseconds time) const;

  /// Reaps a child that has ended; nothing if it runs, or if it is not a child of ours.
  std::optional<Ended> reap() const;

  /// Waits for the end of a child and reaps it.
  Ended wait() const;

 private:
  pid_t pid_ = 0;
  Fd pidfd_;
};

Fd open_pidfd(pid_t pid);

}  // namespace wharf::os
