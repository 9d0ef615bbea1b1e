// The NetworkingConfig of a new container: one endpoint per --network.
#pragma once

#include "cli/container_options.h"

namespace wharf::cli {

/// {"EndpointsConfig": {...}}. Throws base::Error where options contradict each other.
base::JsonObject networking(ContainerOptions options);

}  // namespace wharf::cli
