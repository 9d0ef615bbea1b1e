// Small questions about text that the standard library does not answer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace wharf::base {

/// ASCII only; other bytes stay.
std::string lower(std::string_view text);

/// Equal but for the case of ASCII letters.
bool equal_fold(std::string_view a, std::string_view b);

std::string_view trim(std::string_view text);

/// "a,,b" by ',' is {"a", "", "b"}; "" is {""}.
std::vector<std::string> split(std::string_view text, char separator);

std::string join(const std::vector<std::string>& parts, std::string_view separator);

/// Quoted as Go's %q does, for error texts.
std::string quoted(std::string_view text);

/// Standard base64 with padding; the URL alphabet when asked.
enum class Base64 { Standard, Url };
std::string base64_encode(std::string_view bytes, Base64 alphabet = Base64::Standard);

/// Either alphabet, with or without padding. Throws InvalidArgument.
std::string base64_decode(std::string_view text);

}  // namespace wharf::base
