// The part of the daemon's settings that each room is told, in the room's own words.
#pragma once

#include "container/settings.h"
#include "engine/settings.h"
#include "network/settings.h"
#include "registry/registry.h"

namespace wharf::engine {

/// May make the user "dockremap". Throws what --userns-remap cannot have.
container::Settings container_settings(const Settings& settings);
network::Settings network_settings(const Settings& settings);
registry::Settings registry_settings(const Settings& settings);

}  // namespace wharf::engine
