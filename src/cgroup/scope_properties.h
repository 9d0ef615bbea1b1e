// The properties of a transient scope, as runc sets them; internal to this room.
#pragma once

#include <sys/types.h>

#include "cgroup/dbus.h"
#include "cgroup/scope.h"

namespace wharf::cgroup {

/// Releases before 244 refuse a unit with properties that they do not know.
enum class Release { Old, Current };

struct Properties {
  bool unified = false;
  Release release = Release::Current;

  /// All that a new scope is given: an array a(sv).
  void put_new(dbus::Marshal& message, const Scope& scope, pid_t pid,
               const oci::Resources& resources) const;
  /// What update() changes: the same without what a scope has once for all.
  void put_changed(dbus::Marshal& message, const oci::Resources& resources) const;

 private:
  void put_memory(dbus::Marshal& message, const oci::Memory& memory) const;
  void put_cpu(dbus::Marshal& message, const oci::Cpu& cpu) const;
  void put_limits(dbus::Marshal& message, const oci::Resources& resources) const;
};

/// "0-2,5" as a bit for each number, the lowest first. False when it is no such list.
bool put_bits(std::string_view list, base::Writer& into);

/// µs of CPU a second: what systemd calls a quota, in whole hundredths.
std::uint64_t quota_per_second(std::int64_t quota, std::int64_t period);

}  // namespace wharf::cgroup
