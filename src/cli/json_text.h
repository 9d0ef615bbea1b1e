// JSON text laid out as Docker prints it, its numbers and order untouched.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace wharf::cli {

/// The values as one array, four spaces a level and a line feed at the end; "[]" when none.
std::string indented_array(const std::vector<std::string>& values);

/// One value indented (Go's json.Indent) with `prefix` before each line but the first.
std::string indented(std::string_view json, std::string_view prefix, std::string_view indent);

}  // namespace wharf::cli
