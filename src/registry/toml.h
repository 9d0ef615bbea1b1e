// The part of TOML that hosts.toml is written in, as a JSON value whose objects keep their order.
//
// Tables, dotted and quoted keys, strings of one line, booleans, integers, arrays and inline
// tables. What else TOML knows (dates, floats, arrays of tables, strings of several lines) is an
// error, as is a key given twice.
#pragma once

#include <string_view>

#include "base/json.h"

namespace wharf::registry {

inline constexpr std::size_t kTomlLimit = 1 << 20;
inline constexpr int kTomlDepthLimit = 16;

/// Throws InvalidArgument "toml: line N: ...".
base::Json parse_toml(std::string_view text);

}  // namespace wharf::registry
