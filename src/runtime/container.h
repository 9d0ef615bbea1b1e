// A container as a command of the OCI command line finds it: its state, spec and cgroup.
#pragma once

#include "cgroup/group.h"
#include "runtime/command.h"
#include "runtime/launch.h"
#include "runtime/state.h"

namespace wharf::runtime {

struct Container {
  StateDirectory directory;
  State state;
  cgroup::Hierarchies hierarchies;
  cgroup::Group group;
  oci::Spec spec;

  /// Reads state and spec of an existing container and opens its cgroup.
  bool load(Call& call, std::string_view id);
  Status status() const { return status_of(state, directory, group); }
  HookState hook_state(std::string_view status) const;

  /// Takes away what was mounted for a container that shares the runtime's mounts.
  void unmount() const;
  /// Kills what is left, removes cgroup and state, runs poststop hooks.
  bool destroy(Call& call);
  /// All of them, whatever the others do: one that fails is a warning.
  void run_poststop(const Global& global) const;
};

/// Capabilities that this kernel does not know, or that we cannot grant, are left out: a warning.
void warn_of_capabilities(const Global& global, const oci::Process& process);

/// Detaches all mounts below a directory, the last one first.
void unmount_below(std::string_view directory);

/// The only word left, the id; else a failure.
bool take_id(Call& call, std::string_view& id);

/// SIGTERM from "TERM", "SIGTERM" or "15"; -1 when unknown.
int signal_number(std::string_view name);

bool write_pid_file(std::string_view path, pid_t pid, base::Failure& failure);

/// Connects to the socket that waits for a terminal; -1 with the reason.
int connect_console(std::string_view path, base::Failure& failure);

/// In the foreground: forwards signals, and the terminal when there is one, until the process
/// has ended. Its exit status as a shell gives it: 128+n for a signal.
int attend(const Task& task);

}  // namespace wharf::runtime
