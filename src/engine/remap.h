// Which ids of the host containers have: --userns-remap, and the pool of UsernsMode "auto".
//
// Both come from /etc/subuid and /etc/subgid (subuid(5)). Functions of their arguments, but for
// remapped_ids(), which asks the system for users and groups, and makes "dockremap" where
// --userns-remap=default finds none, as Docker does. Any thread. All throw base::Error.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "container/id_blocks.h"
#include "os/user_namespace.h"

namespace wharf::engine {

/// "NAME:FIRST:COUNT"; the name may be a number.
struct Subordinate {
  std::string name;
  container::IdBlock ids;
  auto operator<=>(const Subordinate&) const = default;
};

/// Lines that are no such entry are passed over.
std::vector<Subordinate> parse_subordinates(std::string_view text);
/// Of a file that may be missing.
std::vector<Subordinate> read_subordinates(const std::string& path);

/// The user's ranges one after another, from 0 on. Empty where he has none.
std::vector<os::IdRange> map_of(const std::vector<Subordinate>& entries, std::string_view name,
                                std::string_view uid);

/// Where a new range of 65536 fits behind those that exist, as usermod(8) is told.
std::uint32_t next_subordinate(const std::vector<Subordinate>& entries);

/// What both files give the user "wharf"; where neither names him, the upper half of all ids but
/// for what they give to anybody.
std::vector<container::IdBlock> automatic_pool(const std::vector<Subordinate>& uids,
                                               const std::vector<Subordinate>& gids);

/// "default", "user", "user:group", "1000", "1000:1000"; nothing for "" and for root, who cannot be
/// mapped to himself. Docker's texts.
std::optional<os::IdMaps> remapped_ids(const std::string& value);

}  // namespace wharf::engine
