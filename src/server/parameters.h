// Query parameters that several families of routes read in Docker's own way. Plain functions.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"
#include "server/exchange.h"

namespace wharf::server {

/// "seconds[.nanoseconds]"; nothing when absent or "". Throws InvalidArgument:
/// `invalid value for QUOTED: invalid timestamp "x": invalid seconds "x": invalid syntax`, where
/// `quoted_name` is the key as that route quotes it.
std::optional<base::Time> time_parameter(const Exchange& exchange, std::string_view key,
                                         std::string_view quoted_name);

struct TerminalSize {
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
};

/// "h" and "w", both wanted. Throws InvalidArgument `invalid resize height "x": invalid syntax`.
TerminalSize size_parameters(const Exchange& exchange);

}  // namespace wharf::server
