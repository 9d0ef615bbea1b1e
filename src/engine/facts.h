// What `docker info` and `docker version` say of an engine. Any thread.
#pragma once

#include "api/system.h"

namespace wharf::engine {

struct Engine;

api::Info info(const Engine& engine);
api::VersionInfo version_info(const Engine& engine);

}  // namespace wharf::engine
