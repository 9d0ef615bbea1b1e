// gzip and zlib in memory, for messages (RFC 1950, RFC 1952).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace wharf::shipping {

enum class Squeeze { Gzip, Zlib };

/// `level` as zlib counts, -1 to 9; ISA-L has fewer, so several mean the same.
std::string squeezed(std::string_view bytes, Squeeze how, std::int64_t level);

}  // namespace wharf::shipping
