// What room container works with, passed by reference from room engine. Everything
// outlives Containers.
#pragma once

namespace wharf::base {
class EventSink;
}
namespace wharf::store {
class Database;
}
namespace wharf::layer {
class Layers;
}
namespace wharf::image {
class Images;
}
namespace wharf::volume {
class Volumes;
}
namespace wharf::network {
class Networks;
}
namespace wharf::supervise {
class Supervisors;
}

namespace wharf::container {

struct Services {
  store::Database& database;
  layer::Layers& layers;
  image::Images& images;
  volume::Volumes& volumes;
  network::Networks& networks;
  supervise::Supervisors& supervisors;
  base::EventSink& events;
};

}  // namespace wharf::container
