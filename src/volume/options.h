// What a volume may be called, and what options driver "local" takes. Pure checks.
#pragma once

#include <string>

#include "volume/volumes.h"

namespace wharf::volume {

/// Throws InvalidArgument "create NAME: ...", as Docker says it.
void check_name(const std::string& name);

/// Options of driver "local": type, o, device, size. Throws InvalidArgument for unknown ones
/// and missing ones, NotImplemented for what is not built yet.
void check_options(const std::string& name, const Labels& options);

/// The directory that a volume with `o=bind` stands for; empty for others.
std::string bind_source(const Labels& options);

}  // namespace wharf::volume
