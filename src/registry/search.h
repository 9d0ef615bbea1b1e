// `docker search`: the search of Docker Hub, and of registries that have one (GET /v1/search).
// Plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace wharf::registry {

/// Where the client says no limit.
inline constexpr int kSearchLimit = 25;
inline constexpr int kSearchLimitMost = 100;
inline constexpr std::size_t kSearchAnswerLimit = 4 << 20;

struct Found {
  std::string name;
  std::string description;
  std::int64_t stars = 0;
  bool official = false;
};

}  // namespace wharf::registry
