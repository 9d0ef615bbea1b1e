// What containers use, for one answer or as a stream.
#pragma once

#include <functional>
#include <stop_token>
#include <vector>

#include "api/stats.h"

namespace wharf::container {

struct StatsOptions {
  bool stream = true;     ///< Once a second until the client leaves.
  bool one_shot = false;  ///< Without a stream: one look, so the moment before is empty.
};

/// Told for each look: one container's, or those of all that run.
using StatsSink = std::function<void(const std::vector<api::ContainerStats>&)>;

}  // namespace wharf::container
