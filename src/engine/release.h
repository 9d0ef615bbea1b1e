// Which engine this is.
#pragma once

#include <string_view>

namespace wharf::engine {

/// The release of Wharf.
inline constexpr std::string_view kWharfVersion = "0.1.0";

/// Docker: clients compare this with Docker Engine's releases to know what a daemon can do. It is
/// the release whose behaviour is followed, with ours as build metadata.
inline constexpr std::string_view kVersion = "29.0.0+wharf.0.1.0";

}  // namespace wharf::engine
