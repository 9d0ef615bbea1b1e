// What load, pull, import and push tell their client while they work: one JSON line each.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace wharf::image {

/// A field that is empty is left out (api.md, section 3, "JSON progress").
struct Progress {
  std::string status;
  std::string id;
  std::optional<std::int64_t> current;  ///< progressDetail; total 0 is "not known".
  std::int64_t total = 0;
  std::string stream;
  std::string aux_json;  ///< An object's text, or empty.
};

/// Called by one thread at a time. May throw Cancelled when the client went away.
using ProgressSink = std::function<void(const Progress&)>;

}  // namespace wharf::image
