// GET /system/df.
#pragma once

namespace wharf::engine {
struct Engine;
}

namespace wharf::server {

class Exchange;
void disk_usage(engine::Engine& engine, Exchange& exchange);

}  // namespace wharf::server
