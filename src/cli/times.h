// The times users give: --since, --until.
#pragma once

#include <string>

namespace wharf::cli {

/// "42m" before now, a date, an RFC 3339 time or unix seconds, as the API's
/// "seconds.nanoseconds". Throws Exit: `invalid value for "since": ...`.
std::string time_parameter(const std::string& text, const char* what);

}  // namespace wharf::cli
