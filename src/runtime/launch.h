// Starting processes in containers: what the supervisor and the command line call.
//
// A container is created in two halves, so that the caller never waits for a mount that
// hangs: create_container() makes the cgroup and the namespaces and returns at once;
// created.channel becomes readable when init has finished (or failed), and
// finish_create() says which. Then start_container() lets init execute the program.
//
//   caller                        init (PID 1 of the container)
//     clone3 ───────────────────────► mounts, devices
//     cgroup: mkdir, limits, join
//     ── go ────────────────────────► cgroup namespace and mounts
//     ◄── hooks, when there are any
//     ── go ────────────────────────► pivot_root, identity, look up the program
//     ◄── terminal, when asked for (the pty's master as a descriptor)
//     ◄── created, or failed with the step and errno
//     ── start ─────────────────────► seccomp, execve
//     ◄── end of file: it runs; or failed
//
// The same for exec: exec_process() and finish_exec(). No exceptions, no heap. A function
// that returns false has filled `failure` and given back all it had made. One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/failure.h"
#include "cgroup/group.h"
#include "oci/spec.h"

namespace wharf::runtime {

using base::Arena;
using base::Failure;

/// What the container is given besides its spec. Descriptors stay the caller's.
struct Inputs {
  std::string_view id;
  /// The bundle's directory: the start of a relative root path; told to hooks.
  std::string_view bundle = "";
  /// A detached mount that becomes "/"; -1: the spec's root.path is bound.
  int rootfs = -1;
  /// Joined in place of the spec's network namespace; -1: as the spec says.
  int network_namespace = -1;
  /// A file of struct sock_filter; -1: the spec's linux.seccomp is compiled.
  int seccomp = -1;
  /// SECCOMP_FILTER_FLAG_* for that file.
  unsigned seccomp_flags = 0;
  /// Put on 0, 1 and 2 when the process has no terminal; -1: /dev/null.
  int stdio[3] = {-1, -1, -1};
  /// A connected socket where the terminal's master is sent too (OCI --console-socket).
  int console_socket = -1;
  /// A listening socket on which init accepts its start, when creator and starter are
  /// different processes; -1: the channel.
  int start_socket = -1;
  /// The start is sent ahead: init executes the program as soon as it is ready, without the
  /// two turns of the scheduler in between. Where starts_at_once() says that it was, finish_start()
  /// follows and not start_container().
  bool start_at_once = false;
  /// Init is killed when the caller ends (PR_SET_PDEATHSIG).
  bool end_with_caller = false;
  /// No pivot_root: the root is moved and chroot(2) entered (initramfs).
  bool no_pivot = false;
  bool new_keyring = true;
  /// The first of this many extra descriptors is 3 in the container (--preserve-fds).
  unsigned preserved_descriptors = 0;
};

/// What hooks and the seccomp agent are told of a container.
struct HookState {
  std::string_view id;
  std::string_view bundle;
  std::string_view status;
  pid_t pid = 0;
  std::span<const oci::Setting> annotations;
};

/// Who gets the descriptor of a filter with SCMP_ACT_NOTIFY (OCI "Container Process State").
struct Listener {
  std::string_view path;
  std::string_view metadata;
  HookState state;
};
/// As linux.seccomp names it; an empty path where it does not.
Listener listener_of(const oci::Spec& spec, const HookState& state);

/// A process in a container. The caller owns the descriptors (close_task) and reaps pid.
struct Task {
  pid_t pid = -1;
  int pidfd = -1;
  /// The master side of its terminal, after finish_create() or finish_exec(); else -1.
  int terminal = -1;
  /// Readable when init has news; closed and -1 once the program runs.
  int channel = -1;
  /// The process that joins the namespaces for an exec and ends as soon as it runs.
  pid_t joiner = -1;
  /// A page shared with the joiner: what became of the exec.
  struct ExecNotes* notes = nullptr;
  /// Where the joiner sends the terminal.
  int terminal_channel = -1;
  /// It was a hook that failed: what the lifecycle of the OCI then wants is the poststop hooks.
  bool hook_failed = false;
};
void close_task(Task& task);

/// `group` was placed (cgroup::Group::place) and is made here, with the spec's resources. On
/// failure nothing is left: no process, no cgroup.
bool create_container(const oci::Spec& spec, const Inputs& inputs, cgroup::Group& group, Task& task,
                      Failure& failure);

/// Whether Inputs::start_at_once can be had: not with hooks of the caller's, nor where the caller
/// sets limits (user namespaces), nor with a start socket.
bool starts_at_once(const oci::Spec& spec, const Inputs& inputs);

/// Waits for init. Runs prestart and createRuntime hooks on the way. After a failure init is
/// dead and reaped and the cgroup removed.
bool finish_create(const oci::Spec& spec, const Inputs& inputs, cgroup::Group& group, Task& task,
                   Failure& failure);

/// Lets init execute the program. What execve(2) itself refuses is, as with runc, not a
/// failure: init writes "exec /x: exec format error" to its stderr and ends with 255.
bool start_container(Task& task, const Listener& listener, Failure& failure);

/// The two halves of start_container(), for a caller that polls task.channel in between: a
/// startContainer hook or a program on a hung file system may take for ever.
bool send_start(Task& task, Failure& failure);
bool finish_start(Task& task, const Listener& listener, Failure& failure);

/// The container that a process joins.
struct Target {
  /// The container's id: the process joins its session keyring.
  std::string_view id = "";
  pid_t init_pid = -1;
  int init_pidfd = -1;
  /// CLONE_NEW* of the namespaces that differ from the caller's (namespaces_of()).
  std::uint64_t namespaces = 0;
  cgroup::Group* group = nullptr;
  /// As in Inputs; -1: none.
  int seccomp = -1;
  unsigned seccomp_flags = 0;
  int stdio[3] = {-1, -1, -1};
  int console_socket = -1;
  bool end_with_caller = false;
  unsigned preserved_descriptors = 0;
  /// For a filter with SCMP_ACT_NOTIFY.
  Listener listener;
};

/// The kinds of namespace that a container of this spec has of its own.
std::uint64_t namespaces_of(const oci::Spec& spec, const Inputs& inputs);

/// task.channel (the joiner's pidfd) becomes readable when the process runs or failed; then
/// call finish_exec(), which does not block.
///
///   caller            joiner (outside the pid namespace)      process
///     clone3 ───────────► cgroup, setns, streams, identity
///                         closes all other descriptors
///                         clone3(VM|VFORK|PARENT) ─────────────► in the pid namespace now,
///                         ends when it has executed ◄───────────  seccomp, execve
bool exec_process(const oci::Process& process, const Target& target, Task& task, Failure& failure);
/// Reaps the joiner; waits for it when the channel is not readable yet. task.pid and pidfd are the
/// new process, a child of the caller.
bool finish_exec(Task& task, Failure& failure);
/// Instead of finish_exec(): kills and reaps whoever is joining. None of them may be frozen.
void abandon_exec(Task& task);

/// Compiles linux.seccomp into a memory file for Inputs::seccomp; -1 when it filters nothing,
/// and on failure.
int compile_seccomp_file(const base::JsonNode& profile, unsigned& flags, Failure& failure);

/// Sends a terminal's master over a connected socket, as OCI's --console-socket wants it.
bool send_terminal(int socket, int terminal);

/// 127 when the program was not found, 126 when it may not be executed, else 128, as Docker
/// derives it from the words.
int exit_code_of(const Failure& failure);

/// Runs hooks one after another with the container's state on stdin (OCI "Lifecycle").
bool run_hooks(std::span<const oci::Hook> hooks, const char* stage, const HookState& state,
               Failure& failure);

/// Executes this binary again through a read-only mount of it, unless it already is: then no
/// container can write to it through /proc/PID/exe (CVE-2019-5736). Returns when protected.
/// wharfd spawns supervisors through such a mount, so that this costs nothing there.
bool protect_binary(char** arguments, char** environment, Failure& failure);

}  // namespace wharf::runtime
