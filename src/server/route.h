// The routes: which function answers which request.
//
// A file of routes/ has one table and one function that returns it; routes.cc puts the
// tables in order. The first row that fits wins. A pattern is literal text with variables:
// "{name}" is one or more characters but '/', "{name:.*}" is anything, '/' included (image names
// have slashes), as long as the rest still fits. Every row also answers under "/vX.Y".
// Tables are constants, read by any thread.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "api/version.h"

namespace wharf::engine {
struct Engine;
}

namespace wharf::server {

class Exchange;
using Action = void (*)(engine::Engine&, Exchange&);

struct Route {
  std::string_view method;
  std::string_view path;
  Action action;
  /// Docker: an older client gets 400 `"GET /x" requires minimum API version 1.51 ...`.
  api::Version since = api::kLowestMinimum;
};

/// What "{name}" stood for.
using Variables = std::map<std::string, std::string, std::less<>>;

/// True when `path` (decoded, without version) fits `pattern`; fills `variables`.
bool fits(std::string_view pattern, std::string_view path, Variables& variables);

// One per file of routes/.
std::span<const Route> system_routes();
std::span<const Route> swarm_routes();
std::span<const Route> plugin_routes();
std::span<const Route> image_routes();
std::span<const Route> container_routes();
std::span<const Route> exec_routes();
std::span<const Route> build_routes();
std::span<const Route> network_routes();
std::span<const Route> volume_routes();

/// Docker's endpoints that this engine does not have yet: 501 with their names.
std::span<const Route> unbuilt_routes();

}  // namespace wharf::server
