// The schema of wharf.db and the steps that lead to it (docs/formats/database.md).
#pragma once

#include <span>
#include <string_view>

namespace wharf::store {

/// "WHRF": PRAGMA application_id of a database of ours.
inline constexpr int kApplicationId = 0x57485246;

/// Step n brings a database of version n to version n + 1; PRAGMA user_version counts them.
/// A step that has been released is never changed: a new one is added.
std::span<const std::string_view> migrations();

}  // namespace wharf::store
