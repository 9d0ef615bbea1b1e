// A container's log on its way to a client.
#pragma once

#include <memory>

#include "container/state.h"
#include "container/streams.h"

namespace wharf::container {

/// Throws NotImplemented "configured logging driver does not support reading".
std::unique_ptr<Log> open_log(Containers::State& state, const ContainerPointer& container,
                              const LogQuery& query);

}  // namespace wharf::container
