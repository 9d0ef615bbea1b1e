// What the command line remembers of a container: a directory ROOT/ID of mode 0700 with
//   state       who it is and its config.json, in one write (docs/formats/runtime-state.md)
//   start.sock  where init waits; gone once it was started
// Whether it still runs is asked of the kernel: the pid and its start time must both match.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/failure.h"
#include "cgroup/group.h"
#include "oci/spec.h"

namespace wharf::runtime {

struct State {
  std::string_view id;
  std::string_view bundle;
  std::string_view rootfs;
  std::string_view cgroup;
  cgroup::Manager manager = cgroup::Manager::Files;
  std::string_view created;
  pid_t pid = 0;
  /// Field 22 of /proc/PID/stat: with the pid, the name of a process that is never reused.
  std::uint64_t start_time = 0;
  /// The machine's; load() corrects where relative paths of this container begin.
  cgroup::Hierarchies* hierarchies = nullptr;
};

enum class Status { Creating, Created, Running, Paused, Stopped };
std::string_view name_of(Status status);

/// ROOT/ID and its files. Holds a descriptor of the directory; closes it.
class StateDirectory {
 public:
  StateDirectory() = default;
  ~StateDirectory();
  StateDirectory(const StateDirectory&) = delete;
  StateDirectory& operator=(const StateDirectory&) = delete;

  /// A new directory; one of that name is a conflict. Checks the id's letters.
  bool make(std::string_view root, std::string_view id, base::Failure& failure);
  bool open(std::string_view root, std::string_view id, base::Failure& failure);

  /// `config` is the text of config.json as it is now: what changes later does not count.
  bool save(const State& state, std::string_view config, base::Failure& failure);
  /// `state` and `spec` point into the arena.
  bool load(base::Arena& arena, State& state, oci::Spec& spec, base::Failure& failure);

  /// A listening socket at start.sock; -1 on failure.
  int listen_for_start(base::Failure& failure);
  /// Connects to init; the name is removed at once, so that a second start finds none.
  int connect_to_start(base::Failure& failure);
  bool waits_for_start() const;

  void remove();
  int descriptor() const { return fd_; }

 private:
  bool place(std::string_view root, std::string_view id, base::Failure& failure);

  base::PathText path_;
  int fd_ = -1;
};

/// 0 when there is no such process.
std::uint64_t start_time_of(pid_t pid);
Status status_of(const State& state, const StateDirectory& directory, const cgroup::Group& group);

/// The whole of a file, in the arena, followed by a NUL byte; empty with the reason.
std::span<char> read_whole(base::Arena& arena, int directory, const char* name,
                           base::Failure& failure);

}  // namespace wharf::runtime
