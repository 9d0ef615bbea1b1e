// The daemon's side of the supervisors: one process per container, seen as a Task.
//
// launch() hands a supervisor everything a container is made of, in one message. It returns
// once PID 1 has executed its program. From then on the container does not depend on this
// process: dropping its Task forgets it. After a restart of the daemon reconnect() finds it
// again by its run directory.
//
// Every request has a deadline and every Task its own socket, so a supervisor that is stuck
// or stopped delays nobody but its own callers.
//
// Threads: Supervisors and Task may be used from any thread; the requests of one Task are
// put in order by a lock of its own. Events are delivered by threads that Supervisors owns,
// those of one container one after another: a callback must not block and must not call a request
// of its own Task that waits (hand the event to a queue). None arrives after its Task is destroyed.
// Protocol: docs/formats/supervisor-protocol.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "os/fd.h"
#include "supervise/task.h"

namespace wharf::supervise {

/// Where the container's output is kept.
struct LogOptions {
  enum class Type { None, JsonFile, Local };
  Type type = Type::JsonFile;
  std::string name;                  ///< File in folder(), "<id>-json.log" or "container.log".
  std::int64_t max_size_bytes = -1;  ///< Rotated when it has grown to this; -1: never.
  std::uint32_t max_files = 1;       ///< The current one included.
  bool compress = false;             ///< Rotated files become NAME.N.gz.
  std::string attrs_json;            ///< Text of one JSON object put into every line, or empty.

  /// Of the data directory: "" or, made by the supervisor, "local-logs".
  std::string folder() const;
};

/// Descriptors are given away: duplicate() those that are still needed.
struct LaunchRequest {
  std::string id;
  std::string config_json;              ///< The OCI config.json.
  std::filesystem::path run_directory;  ///< <exec-root>/c/<id>: made 0700, removed at the end.
  os::Fd data_directory;                ///< Receives the log and exit.json.
  os::Fd rootfs;                        ///< Detached mount.
  os::Fd network_namespace;             ///< Invalid: as the config says.
  os::Fd seccomp;                       ///< memfd of struct sock_filter[]; invalid: none.
  LogOptions log;
  bool tty = false;         ///< Equals process.terminal of the config.
  bool open_stdin = false;  ///< Otherwise stdin is /dev/null.
  bool stdin_once = false;  ///< The end of the first attached stdin ends stdin.
  WindowSize window;
  std::vector<Attachment> attachments;  ///< At most kMaxAttachments.
};

inline constexpr std::size_t kMaxAttachments = 64;

struct Exit {
  int code = 0;  ///< As Docker counts: 128 + signal when a signal ended it.
  bool oom_killed = false;
  base::Time started_at;
  base::Time finished_at;
  std::uint64_t dropped_lines = 0;  ///< Log lines the disk had no room for.
};

struct ExecExit {
  std::uint64_t exec = 0;  ///< Exec::id
  int code = 0;
};

/// Callbacks of one container; each may be empty. `exited` or `lost` comes last, and once.
struct Events {
  std::function<void(const Exit&)> exited;  ///< exit.json is on disk already.
  std::function<void(const ExecExit&)> exec_exited;
  std::function<void()> oom;  ///< The memory limit killed a process.
  /// The supervisor died without a word. The container is dead, its cgroup and its run
  /// directory are removed. exit.json is there if it died after writing it.
  std::function<void()> lost;
};

/// exit.json of a container's data directory; nothing if it has not ended since its start.
/// A damaged one is an Error that names it. Format: docs/formats/exit-record.md.
std::optional<Exit> read_exit_record(const os::Fd& data_directory);

/// The service: starts supervisors, keeps a few idle ones ready, delivers events.
class Supervisors {
 public:
  struct Options {
    std::filesystem::path runtime;  ///< The wharf-runtime program.
    unsigned idle = 2;              ///< Supervisors started in advance; 0: none.
  };
  /// wharf-runtime beside this program, or $WHARF_RUNTIME.
  static std::filesystem::path default_runtime();

  explicit Supervisors(Options options);
  ~Supervisors();  ///< Idle supervisors end; containers go on.
  Supervisors(const Supervisors&) = delete;

  /// After an error the supervisor has cleaned up and ended, without an exit record and without
  /// an event. Otherwise `exited` may be called before this returns. What execve(2) itself
  /// refuses is, as with runc, an exit with code 255 and words on stderr.
  Task launch(LaunchRequest request, Events events);

  /// The running container of `run_directory`, or nothing if no supervisor lives there: then
  /// read_exit_record() tells what became of it, and what a killed one left, its cgroup at
  /// `cgroup_path` included, is removed. One that has ended but was not heard yet
  /// is returned too and its event follows at once. Events that arrive before the caller has
  /// the Task in hand are real: the callback must be ready when this is called.
  std::optional<Task> reconnect(const std::filesystem::path& run_directory,
                                const std::string& cgroup_path, Events events);

 private:
  std::optional<Task> find_running(const std::filesystem::path& run_directory, Events events);

  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace wharf::supervise
