// Object ids: 64 lower-case hex digits of randomness, as Docker's.
#pragma once

#include <string>
#include <string_view>

namespace wharf::base {

/// 64 hex digits from getrandom(2). Never all digits in the first 12, as such a short id
/// would read as a number (Docker: stringid.GenerateRandomID).
std::string random_id();

/// `bytes` random bytes.
std::string random_bytes(std::size_t bytes);

/// The first 12 characters; without a leading "sha256:".
std::string short_id(std::string_view id);

std::string hex(std::string_view bytes);

}  // namespace wharf::base
