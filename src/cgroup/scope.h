// A container's cgroup where systemd manages them: a transient scope.
//
// It is named by an OCI cgroupsPath of three parts, "slice:prefix:name": the scope
// prefix-name.scope in that slice, as "system.slice:docker:ab12". systemd makes the directories
// and moves the first process in; at the end it is told to forget the scope. No heap. One thread.
#pragma once

#include <sys/types.h>

#include <string_view>

#include "base/failure.h"
#include "oci/resources.h"

namespace wharf::cgroup {

using base::Failure;

/// Who makes the directories of a group.
enum class Manager { Files, Systemd };

/// Of wharfd's own containers: a path of the file system is absolute, the other form is not.
Manager manager_of(std::string_view cgroups_path);

struct Scope {
  std::string_view slice;
  std::string_view prefix;
  std::string_view name;

  /// False with the reason when it is not of the form, or names no slice.
  bool parse(std::string_view cgroups_path, Failure& failure);
  /// "docker-ab12.scope".
  void put_unit(base::Writer& into) const;
  /// "/a.slice/a-b.slice/docker-ab12.scope": a slice a-b lies in the slice a.
  void put_path(base::Writer& into) const;

  /// Starts it with one process inside and the limits that systemd itself has to know, since it
  /// writes them anew whenever it reloads. When this fails, nothing is left of the scope.
  bool start(pid_t pid, const oci::Resources& resources, bool unified, Failure& failure) const;
  /// Tells systemd of changed limits.
  bool update(const oci::Resources& resources, bool unified, Failure& failure) const;
  /// Has systemd forget it, also where it failed. A scope that is gone is not an error.
  void stop(int patience_ms) const;
};

}  // namespace wharf::cgroup
