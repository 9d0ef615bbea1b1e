// A container's cgroup: one directory on v2, one per controller on v1, behind one interface.
//
// discover() reads once where the hierarchies are. A Group is a place in them, by path; it
// holds descriptors of its directories and closes them, but only remove() deletes them: a
// cgroup outlives the process that made it. Limits come as OCI resources. Controllers that
// the machine does not have are an error only when a limit asks for them.
//
// Compiled for the daemon (glibc) and for the static runtime (musl): no exceptions, no heap.
// A function that returns false has filled `failure`. One thread per Group.
// See Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/failure.h"
#include "cgroup/scope.h"
#include "oci/resources.h"

namespace wharf::cgroup {

/// One mounted hierarchy: "memory" or "cpu,cpuacct", "name=systemd"; "" is v2.
struct Hierarchy {
  base::Text<63> controllers;
  base::Text<255> mount_point;
  /// Where below the hierarchy's root the mount begins; "/" but in a container.
  base::Text<255> mount_root;
  /// The caller's own cgroup, counted from the mount point: where relative paths begin.
  base::Text<511> own;

  bool has(std::string_view controller) const;
};

inline constexpr std::size_t kMaxHierarchies = 16;

struct Hierarchies {
  /// True where controllers live in one v2 tree.
  bool unified = false;
  std::array<Hierarchy, kMaxHierarchies> all;
  std::size_t count = 0;

  std::span<const Hierarchy> list() const { return {all.data(), count}; }
};

/// Reads /proc/self/mountinfo and /proc/self/cgroup. On a machine with v1 controllers, a bare v2
/// mount is left out.
bool discover(Hierarchies& hierarchies, base::Failure& failure);

enum class Frozen { No, Yes };

class Group {
 public:
  Group() { directories_.fill(-1); }
  ~Group() { close(); }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  /// Makes the directories. `path` is the OCI cgroupsPath: absolute is counted from the root
  /// of each hierarchy, relative from the caller's own cgroup; parents are made too. Systemd's
  /// is "slice:prefix:name".
  bool create(const Hierarchies& hierarchies, std::string_view path, base::Failure& failure);

  /// The two halves of create(): says where, and makes it. Between them path_in() holds.
  bool place(const Hierarchies& hierarchies, std::string_view path, base::Failure& failure,
             Manager manager = Manager::Files);
  bool make(base::Failure& failure);
  /// In place of make() where systemd manages: it needs the first process, and moves it in. The
  /// hierarchies that systemd leaves alone get their directories from us, and the process by add().
  bool make_scope(pid_t pid, const oci::Resources& resources, base::Failure& failure);

  /// Opens directories that exist; hierarchies where it does not are skipped.
  bool open(const Hierarchies& hierarchies, std::string_view path, base::Failure& failure,
            Manager manager = Manager::Files);

  /// Writes the limits; devices too (v1: the device files, v2: a BPF program).
  bool apply(const oci::Resources& resources, base::Failure& failure);
  /// Changes limits of a living cgroup; device rules only where given.
  bool update(const oci::Resources& resources, base::Failure& failure);

  /// Moves a process in. 0 is the caller, which has one thread; that is far cheaper on v1.
  bool add(pid_t pid, base::Failure& failure);

  /// The v2 directory, for CLONE_INTO_CGROUP; -1 on v1.
  int unified_directory() const;

  /// How many processes are inside, descendants included; fills as many as fit.
  std::size_t pids(std::span<pid_t> into) const;

  /// Sends the signal to all inside. SIGKILL uses cgroup.kill on v2, and a freeze on v1, so
  /// that a fork bomb cannot outrun it. Frozen processes are thawed to die.
  bool signal_all(int signal, base::Failure& failure);

  bool freeze(Frozen wanted, base::Failure& failure);
  Frozen frozen() const;

  /// How often the kernel killed here because memory ran out.
  std::uint64_t oom_kills() const;
  /// A descriptor that becomes readable (v1: eventfd; v2: inotify of memory.events) when memory
  /// ran out; -1 without a memory controller. The caller owns it.
  int oom_event() const;

  /// Deletes the directories, children first, and systemd's scope; waits up to `patience_ms` for
  /// processes that are still ending.
  bool remove(int patience_ms, base::Failure& failure);

  /// Where the group is in one hierarchy, such as "/sys/fs/cgroup/memory/docker/ab12"; empty
  /// when the controller is not there. On v2 any controller gives the one directory.
  std::string_view directory_path(std::string_view controller, base::PathText& into) const;
  /// The directory as a descriptor, -1 when not there.
  int directory(std::string_view controller) const;
  std::size_t count() const { return hierarchies_ == nullptr ? 0 : hierarchies_->count; }
  const Hierarchies* hierarchies() const { return hierarchies_; }
  int directory_at(std::size_t index) const { return directories_[index]; }
  /// As it was given, so that another Group can open it.
  std::string_view path() const { return path_.view(); }
  Manager manager() const { return manager_; }
  /// The directory's full path in the hierarchy of this index; false when it is too long.
  bool path_in(std::size_t index, base::Writer& into) const;

  void close();

 private:
  bool is_there() const;

  const Hierarchies* hierarchies_ = nullptr;
  Manager manager_ = Manager::Files;
  base::Text<1023> path_;
  /// Where systemd's tree begins below the mount points.
  base::Text<255> systemd_root_;
  std::array<int, kMaxHierarchies> directories_;
};

}  // namespace wharf::cgroup
