// User namespaces: which ids of the host the ids of a container are.
//
// IdMaps is what /proc/PID/uid_map and gid_map say, as values. make_user_namespace() gives a
// namespace with such maps that is held by its descriptor alone: for id-mapped mounts, and for a
// container to be started in. ActingAs lets one thread make files where the host's root has no id:
// on an id-mapped mount a new file must belong to somebody who is mapped (else EOVERFLOW).
//
// Values and functions: any thread. ActingAs changes the calling thread alone. All throw
// base::Error.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "os/fd.h"

namespace wharf::os {

/// `count` ids from `inside` on are those of the host from `outside` on.
struct IdRange {
  std::uint32_t inside = 0;
  std::uint32_t outside = 0;
  std::uint32_t count = 0;
  auto operator<=>(const IdRange&) const = default;
};

struct IdMaps {
  std::vector<IdRange> uids;
  std::vector<IdRange> gids;
  bool operator==(const IdMaps&) const = default;
};

/// What an id without a place in the map looks like (/proc/sys/kernel/overflowuid).
inline constexpr std::uint32_t kOverflowId = 65534;

std::optional<std::uint32_t> outside_id(std::span<const IdRange> map, std::uint32_t inside);
std::optional<std::uint32_t> inside_id(std::span<const IdRange> map, std::uint32_t outside);

/// "0 100000 65536\n", as the kernel takes and shows it. Parsing throws InvalidArgument.
std::string to_text(std::span<const IdRange> map);
std::vector<IdRange> parse_id_map(std::string_view text);

/// The maps of a process, seen from the host; every id is itself where it has no namespace of its
/// own.
IdMaps read_id_maps(pid_t pid);

struct UserNamespace {
  Fd user;
  Fd network;  ///< One that belongs to it, where it was asked for.
};

/// What an id-mapped mount is made by: a namespace, and what its maps say.
struct IdSpace {
  IdMaps maps;
  Fd user;
};

enum class WithNetwork { No, Yes };

/// Costs a process that lives for the time of this call.
UserNamespace make_user_namespace(const IdMaps& maps, WithNetwork network);

/// A fresh network namespace that belongs to `user`.
Fd make_network_namespace_of(const Fd& user);

/// While it lives, files that this thread makes belong to the root of `maps`; its capabilities
/// stay. Throws InvalidArgument where the maps have no root.
class ActingAs {
 public:
  explicit ActingAs(const IdMaps& maps);
  ~ActingAs();
  ActingAs(const ActingAs&) = delete;
};

/// Nothing where there are no maps.
std::unique_ptr<ActingAs> acting_as(const IdMaps* maps);

}  // namespace wharf::os
