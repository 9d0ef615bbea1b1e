// Wall-clock instants in nanoseconds, and Go's ways of writing them.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace wharf::base {

/// Nanoseconds since 1970 UTC. The default is Go's zero time, "0001-01-01T00:00:00Z".
struct Time {
  static constexpr std::int64_t kZero = INT64_MIN;
  std::int64_t unix_ns = kZero;

  bool is_zero() const { return unix_ns == kZero; }
  auto operator<=>(const Time&) const = default;
};

Time now();

/// CLOCK_MONOTONIC in nanoseconds: for durations and deadlines, never shown.
std::int64_t monotonic_ns();

/// RFC 3339 in UTC with the fraction's trailing zeros cut (Go's RFC3339Nano).
std::string rfc3339_nano(Time time);

/// Always nine digits of fraction: the timestamps of `docker logs`.
std::string rfc3339_nano_fixed(Time time);

/// RFC 3339 with any zone. Throws InvalidArgument.
Time parse_rfc3339(std::string_view text);

/// "seconds[.nanoseconds]" of the API's time parameters, or RFC 3339. Throws InvalidArgument.
Time parse_time_parameter(std::string_view text);

/// Go's time.ParseDuration: "1h2m3.5s", "300ms". Nanoseconds. Throws InvalidArgument.
std::int64_t parse_duration_ns(std::string_view text);

}  // namespace wharf::base
