// Every route of the engine, in the order in which they are tried.
#include "server/routes.h"

#include "server/route.h"

namespace wharf::server {

std::vector<std::span<const Route>> all_routes() {
  return {
      system_routes(), unbuilt_routes(), image_routes(),  container_routes(), exec_routes(),
      build_routes(),  network_routes(), volume_routes(), swarm_routes(),     plugin_routes(),
  };
}

}  // namespace wharf::server
