// How a database file becomes usable: created whole, migrated, refused, or set aside.
// Inside room store only.
#pragma once

#include <memory>
#include <optional>

#include "store/connection.h"

namespace wharf::store {

struct Opened {
  std::unique_ptr<Connection> writer;
  std::optional<os::Path> set_aside;
};

/// The writing connection of a sound database of the newest schema at `path`.
Opened open_database(const os::Path& path);

}  // namespace wharf::store
