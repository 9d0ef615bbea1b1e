// Signals by name and number, as Docker's API takes them.
#pragma once

#include <string_view>

namespace wharf::container {

/// "SIGTERM", "term", "15", "RTMIN+3". Throws InvalidArgument "invalid signal: X".
int parse_signal(std::string_view text);

}  // namespace wharf::container
