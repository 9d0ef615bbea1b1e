// The whole route table. Constants, read by any thread.
#pragma once

#include <span>
#include <vector>

#include "server/route.h"

namespace wharf::server {

/// The tables of routes/ in the order in which they are tried.
std::vector<std::span<const Route>> all_routes();

}  // namespace wharf::server
