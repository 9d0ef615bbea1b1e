// Which capabilities a container has.
#pragma once

#include <string>
#include <vector>

#include "api/host_config.h"

namespace wharf::container {

/// "CAP_CHOWN" ... in the kernel's order, up to the last this kernel knows, of those this process
/// may give.
const std::vector<std::string>& kernel_capabilities();

/// Upper case, with "CAP_"; "ALL" stays. Throws InvalidArgument `invalid CapAdd: unknown
/// capability: "CAP_X"`; `field` is "CapAdd" or "CapDrop".
std::vector<std::string> checked_capabilities(const api::Strings& names, const char* field);

/// The default 14, changed by what is added and dropped; all of them when privileged.
std::vector<std::string> effective_capabilities(const api::HostConfig& config);

}  // namespace wharf::container
