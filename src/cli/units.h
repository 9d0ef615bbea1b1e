// Sizes and spans of time in the words Docker's output uses (docker/go-units).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace wharf::cli {

/// Base 1000 with `digits` significant digits: "1.98MB", "0B".
std::string human_size(double bytes, int digits = 3);

/// Base 1000, four digits: images' virtual size, progress bars ("1.984MB").
inline std::string human_size4(double bytes) {
  return human_size(bytes, 4);
}

/// Base 1024 with 4 digits: "3.811GiB".
std::string human_bytes(double bytes);

/// "Less than a second", "About a minute", "3 hours", "2 years".
std::string human_duration(std::int64_t nanoseconds);

/// "64m", "1.5g", "512", "-1": bytes in base 1024. Throws "invalid size: 'x'".
std::int64_t parse_memory(std::string_view text);

/// The same in base 1000 is not used by Docker's flags; device rates and --shm-size are 1024.
/// Go's time.ParseDuration with its error texts. Nanoseconds.
std::int64_t parse_duration(std::string_view text);

}  // namespace wharf::cli
