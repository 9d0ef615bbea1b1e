// What room build works with, passed by reference from room engine. Everything outlives Builder.
#pragma once

#include "os/file.h"

namespace wharf::store {
class Database;
}
namespace wharf::layer {
class Layers;
}
namespace wharf::image {
class Images;
}
namespace wharf::registry {
class Registry;
}
namespace wharf::container {
class Containers;
}

namespace wharf::build {

struct Services {
  os::Path directory;  ///< <data-root>/build: contexts and cache mounts.
  store::Database& database;
  layer::Layers& layers;
  image::Images& images;
  registry::Registry& registry;
  container::Containers& containers;
};

}  // namespace wharf::build
