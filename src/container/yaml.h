// YAML text to JSON values: what CDI's own tools write.
//
// One document of the core schema by libyaml. Anchors, aliases and tags are refused: a document
// that says the same thing twice is a way to make a small file large. Any thread.
#pragma once

#include <string_view>

#include "base/json.h"

namespace wharf::container {

inline constexpr int kYamlDepth = 32;

/// Throws InvalidArgument with the line and what is wrong there.
base::Json parse_yaml(std::string_view text);

}  // namespace wharf::container
