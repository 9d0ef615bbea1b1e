// Reading and writing the small files of a cgroup directory; internal to this room.
//
// Each takes the directory as a descriptor and a file name, so that no path of a moved or
// deleted cgroup is ever followed. One thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/failure.h"
#include "cgroup/scope.h"

namespace wharf::cgroup {

struct Hierarchies;

/// What a control file can say at once; the longest read here is memory.stat.
using FileText = base::Text<8191>;

/// One write(2), as the kernel wants it: a control file takes its whole value in one call.
bool write_value(int directory, const char* file, std::string_view value, Failure& failure);
bool write_number(int directory, const char* file, std::int64_t value, Failure& failure);
/// As write_value, but says nothing: errno tells.
bool try_write(int directory, const char* file, std::string_view value);

/// Cut at the buffer's end; false with errno when it cannot be read.
bool read_value(int directory, const char* file, base::Writer& into);
/// "max" is INT64_MAX.
bool read_number(int directory, const char* file, std::int64_t& value);
/// The number behind `key` in a file of "key value" lines; 0 when there is none.
std::uint64_t read_keyed(int directory, const char* file, std::string_view key);

/// Where systemd's own tree begins below the mount points, "" but in a container: the place of
/// process 1 without its init.scope.
void put_systemd_root(const Hierarchies& hierarchies, base::Writer& into);

bool exists(int directory, const char* file);

/// Calls `each(name, parent)` for every directory below, children before their parents.
/// Stops after kMaxGroupDepth levels.
inline constexpr int kMaxGroupDepth = 16;
using Visit = void (*)(void* context, int parent, const char* name, int directory);
void visit_below(int directory, void* context, Visit visit, int depth = 0);

}  // namespace wharf::cgroup
