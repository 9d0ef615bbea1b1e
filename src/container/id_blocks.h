// Ranges of host ids for containers that have one of their own (UsernsMode "auto").
//
// A container's block is uids and gids alike. It is a row in the table id_blocks as long as there
// is a row of the container, so that no two ever have the same; which one it is, is decided inside
// the transaction that writes both. Plain values; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"

namespace wharf::container {

struct IdBlock {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  auto operator<=>(const IdBlock&) const = default;
};

inline constexpr std::uint32_t kIdBlockSize = 65536;

/// How many ids "auto" or "auto:size=N" asks for; nothing where the mode is another. Throws
/// InvalidArgument.
std::optional<std::uint32_t> automatic_size(std::string_view userns_mode);

/// The lowest `count` ids of `pool` that `taken` has none of.
std::optional<IdBlock> find_free(const std::vector<IdBlock>& pool, std::vector<IdBlock> taken,
                                 std::uint32_t count);

/// What is left of `pool` without `taken`.
std::vector<IdBlock> without(const std::vector<IdBlock>& pool, const IdBlock& taken);

/// One that nobody has. Throws Unavailable where the pool has no room.
IdBlock choose_block(store::Reader& reader, const std::vector<IdBlock>& pool, std::uint32_t count);
/// In the same transaction, once the container has its row.
void keep_block(store::Transaction& transaction, const std::string& container_id, IdBlock block);

}  // namespace wharf::container
