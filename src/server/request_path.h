// The path of a request, as Docker's router reads it: cleaned, decoded, without version.
// Plain values.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/version.h"

namespace wharf::server {

struct RequestPath {
  std::string path;          ///< Decoded, "/containers/json".
  std::string query;         ///< As sent, without '?'.
  std::string version_text;  ///< "1.51"; "" when the path has no version.
  api::Version version = api::kMaximum;
  /// Docker: a path with "//" or ".." is answered 301 with the cleaned one.
  std::optional<std::string> redirect;
};

/// Throws InvalidArgument for broken escapes, a NUL, or a target that is no path. Reads the
/// absolute form "http://host/path" too.
RequestPath parse_request_path(std::string_view target);

}  // namespace wharf::server
