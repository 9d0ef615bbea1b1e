// A container that exists, as the daemon holds it, and the requests it understands.
//
// A Task is got from Supervisors (client.h). Dropping it forgets the container, which goes on.
// Every request has a deadline (kRequestTimeout) and throws base::Error; a failure of the container
// itself (mounts, user, executable) is a StepError.
//
// Threads: any thread may call; the requests of one Task are put in order by its own lock.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"
#include "os/fd.h"

namespace wharf::supervise {

inline constexpr std::chrono::seconds kRequestTimeout{20};

/// The container, or a process in it, could not be made. The text is the runtime's.
class StepError : public base::Error {
 public:
  StepError(std::string step, const std::string& message, int error_number, int exit_code)
      : base::Error(base::Kind::Internal, message, error_number),
        step_(std::move(step)),
        exit_code_(exit_code) {}
  /// "create", "start" or "exec".
  const std::string& step() const { return step_; }
  /// What Docker derives from it: 127 not found, 126 not executable, else 128.
  int exit_code() const { return exit_code_; }

 private:
  std::string step_;
  int exit_code_;
};

struct Streams {
  bool in = false;
  bool out = false;
  bool err = false;
};

/// One end of attach_pair(): what the container writes leaves there (stdcopy frames, raw
/// with a TTY), what is written there is its stdin; shutdown(SHUT_WR) is end of stdin.
struct Attachment {
  os::Fd socket;
  Streams streams;
};

struct AttachPair {
  os::Fd ours;    ///< Kept by the daemon, relayed to the client.
  os::Fd theirs;  ///< Given to launch() or attach().
};
AttachPair attach_pair();

struct WindowSize {
  std::uint16_t rows = 0;
  std::uint16_t columns = 0;
};

struct ExecRequest {
  /// Comes back in ExecExit, which may arrive before exec() has returned. Unique within the
  /// container; 0: one is chosen.
  std::uint64_t id = 0;
  std::string process_json;  ///< OCI "process" object.
  bool tty = false;
  Streams streams;  ///< Without a TTY: those not asked for are /dev/null.
  WindowSize window;
};

/// A process running beside PID 1. Its descriptors are ours to relay and to close.
struct Exec {
  std::uint64_t id = 0;
  pid_t pid = 0;  ///< As the host counts.
  os::Fd in, out, err;
  os::Fd pty;  ///< Master, with a TTY; then the three above are invalid.
};

class Connection;

/// A container that exists. Move-only.
class Task {
 public:
  Task();
  Task(std::shared_ptr<Connection> connection, std::function<void(const Connection&)> forget);
  ~Task();
  Task(Task&&) noexcept;
  Task& operator=(Task&&) noexcept;

  pid_t pid() const;
  pid_t supervisor_pid() const;
  base::Time started_at() const;
  bool paused() const;
  /// PID 1 has ended or does so in `time`; `exited` may be delivered later.
  bool init_ends_within(std::chrono::milliseconds time) const;

  /// To PID 1. A container that has ended meanwhile: Conflict with errno ESRCH.
  void signal(int number);
  /// SIGKILL to every process of the container.
  void kill_all();
  void resize(WindowSize window);
  void attach(Attachment attachment);
  void reopen_log();
  void freeze();
  void thaw();
  /// OCI "linux.resources".
  void update(std::string_view resources_json);

  /// Throws StepError when it could not be started.
  Exec exec(const ExecRequest& request);
  void exec_resize(std::uint64_t exec, WindowSize window);
  void exec_signal(std::uint64_t exec, int number);

 private:
  void release() noexcept;

  std::shared_ptr<Connection> connection_;
  std::function<void(const Connection&)> forget_;
};

}  // namespace wharf::supervise
