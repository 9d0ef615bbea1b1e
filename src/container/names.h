// Names of containers.
#pragma once

#include <string>
#include <string_view>

namespace wharf::container {

/// A file name's length: names are part of host names, logs and the names of other things.
inline constexpr std::size_t kNameLimit = 255;

/// Throws InvalidArgument "Invalid container name (x), only [a-zA-Z0-9][a-zA-Z0-9_.-] are
/// allowed", and for one of more than kNameLimit characters. One leading '/' is allowed; returned
/// without it.
std::string checked_name(std::string_view name);

/// "adjective_noun", and from the second attempt on with a digit behind it.
std::string made_up_name(int attempt);

}  // namespace wharf::container
