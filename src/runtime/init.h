// The first process of a container, from clone3 to execve: an ordered list of steps.
//
// Everything here runs in the new process and reports through its channel; no function
// returns after a failure. The steps are in init.cc; each file beside it is one subject.
#pragma once

#include <sched.h>

#include "runtime/launch.h"
#include "runtime/report.h"

namespace wharf::runtime {

inline constexpr std::size_t kMaxMounts = 512;

/// What init has in hand; filled before clone3, changed while it works.
struct Init {
  const oci::Spec& spec;
  const Inputs& inputs;
  const cgroup::Group& group;
  Report report;
  /// CLONE_NEW* made by clone3; the time namespace is left to init.
  std::uint64_t new_namespaces = 0;
  /// Namespaces to join: descriptors opened by the caller, with their kind.
  struct Join {
    std::uint64_t flag = 0;
    int fd = -1;
  } joins[8] = {};
  std::size_t join_count = 0;
  /// The file of struct sock_filter, or -1.
  int seccomp = -1;
  unsigned seccomp_flags = 0;
  /// "/" of the container, as an O_PATH descriptor of its mount.
  int root = -1;
  /// Whether it is attached over "/" of the host's tree.
  bool root_covers_host = true;
  /// Bind sources opened early, by index of spec.mounts; -1 elsewhere.
  int sources[kMaxMounts];
  int root_source = -1;
  bool cgroup_ready = false;
  /// Where the caller may run, and so the container; init begins on fewer (begin_elsewhere).
  cpu_set_t processors{};
  bool elsewhere = false;

  bool in_user_namespace() const;
  /// Else the container shares the runtime's mounts (OCI: a namespace that is not listed).
  bool has_own_mounts() const;
};

[[noreturn]] void run_init(Init& init);

// rootfs.cc
/// Detaches our mounts from the host's, attaches the root, leaves its descriptor in init.root.
void attach_root(Init& init);
/// Makes init.root "/"; the host's tree is gone afterwards.
void enter_root(Init& init);

// mounts.cc
void mount_all(Init& init);
/// Waits until the caller has put us into the cgroup, once.
void await_cgroup(Init& init);

// mount_kinds.cc
/// A file system or a bind, detached, with all its options; -1 when it has to be left out.
int detached_mount(Init& init, const oci::Mount& mount, int early_source);
void set_mount_attributes(Report& report, int fd, const oci::Mount& mount);

// copy_up.cc
/// What the directory `from` holds, in the new file system `into`.
void copy_up(Report& report, int from, int into);

// joined_user.cc (the caller's side)
/// The user namespace that the spec names by a path, or nullptr.
const oci::Namespace* joined_user_namespace(const oci::Spec& spec);
/// Makes init inside the joined user namespace; closes `callers_end` there. -1 with the reason.
pid_t clone_in_joined_user(Init& init, int callers_end, int& pidfd, Failure& failure);

// early_sources.cc (the caller's side)
bool open_early_sources(const oci::Spec& spec, const Inputs& inputs, std::span<int> sources,
                        Failure& failure);
void close_early_sources(std::span<int> sources);

// cgroup_mount.cc
void mount_cgroups(Init& init, const oci::Mount& mount, int target);

// inside.cc
/// Opens a path as the container would see it, its root being `root`; -1 and errno.
int open_inside(int root, const char* path, int flags);
enum class Kind { Directory, File };
/// The same, and makes what is missing. Links resolve inside the root.
int make_inside(Report& report, int root, std::string_view path, Kind kind);
/// The directory that holds `path`, made where missing; `name` becomes the last part.
int make_parent_inside(Report& report, int root, std::string_view path, base::Writer& name);

// devices.cc
void make_devices(Init& init);
// console.cc
/// The container's terminal as standard streams, its master sent to the caller. Not yet the
/// controlling terminal: control_terminal(), by the session's leader.
enum class Console { Mounted, StreamsOnly };
void open_console(Report& report, int root, const oci::Process& process, Console kind);
void control_terminal(Report& report);
void take_stdio(Report& report, const int stdio[3], std::uint32_t owner);
/// For a process in the user namespace of `inside`, by who is privileged outside: take_stdio() may
/// not change the owner of what the host made.
void give_streams(pid_t inside, const int stdio[3], std::uint32_t owner);
/// Streams that nobody gave read the container's own /dev/null. Once inside the root.
void reopen_null(const int stdio[3]);
// hidden.cc
void hide_paths(Init& init);
// kernel_settings.cc
/// A procfs of this pid namespace that no container can have touched (A05).
int private_proc(Report& report);
void write_sysctls(Init& init);
void set_names(Init& init);

// identity.cc
/// Groups, ids, bounding set; capabilities stay wide enough for finish_identity().
void take_identity(Report& report, const oci::Process& process, bool has_seccomp);
/// The seccomp filter in memory, so that its file can be closed; of length 0 for -1.
struct Filter {
  unsigned flags = 0;
  unsigned short length = 0;
  void* instructions = nullptr;
  /// Where the listener of a filter with SCMP_ACT_NOTIFY is told; else null.
  ListenerPage* page = nullptr;
};
Filter map_filter(Report& report, int file, unsigned flags);
// hooks.cc
/// The state as JSON.
void put_state(const HookState& state, base::Writer& into);
// notify.cc
/// A page shared with the caller, for a filter that notifies; else null.
ListenerPage* share_listener_page(Report& report, const Filter& filter);
bool notifies(const Filter& filter);
/// Tells of the listener and waits until the caller has it, without a system call.
void await_taken(ListenerPage& page, int descriptor);
/// The caller's side: waits for the listener, takes it and sends it where the spec wants it. False
/// without a failure when `channel` becomes readable before: what is read there says why.
bool hand_over_listener(ListenerPage& page, const volatile pid_t& pid, const Listener& listener,
                        int channel, Failure& failure);
/// The same for a page that came over the channel as a descriptor.
bool hand_over_listener(int page, const Task& task, const Listener& listener, Failure& failure);

/// Security labels, for which files are opened.
void write_labels(Report& report, const oci::Process& process);
/// Seccomp filter, exact capability sets: nothing after this but execve.
void finish_identity(Report& report, const oci::Process& process, Filter filter);
/// The container's session keyring, so that keys of ours are not the container's.
void join_keyring(Report& report, std::string_view id);
/// Of a process, 0 being this one; raising hard limits needs privilege outside user namespaces.
bool apply_limits(pid_t pid, const oci::Process& process, base::Failure& failure);
/// Raises the hard limits of this process where apply_limits() later needs them higher.
bool raise_limits(const oci::Process& process, base::Failure& failure);
void enter_working_directory(Report& report, const oci::Process& process);

// program.cc
/// Finds args[0] as execvp(3) would; fails in the words of Go's exec package.
void find_program(Report& report, const oci::Process& process, base::PathText& path);
/// The environment with HOME from the container's passwd file where it is missing.
char** complete_environment(const oci::Process& process);
[[noreturn]] void execute(const char* path, char** arguments, char** environment);

}  // namespace wharf::runtime
