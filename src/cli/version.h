// What the command line says of itself.
#pragma once

namespace wharf::cli {

/// The Docker release whose behaviour this is, and our own.
inline constexpr const char* kVersion = "29.0.0+wharf.0.1.0";

}  // namespace wharf::cli
