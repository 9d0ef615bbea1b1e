// Versions of the Docker API, "1.51", and which of them this engine speaks.
//
// A version that a client asks for may be any text of digits and points
// (the path prefix "/v{version:[0-9.]+}"): its parts are compared as numbers, an
// empty part is 0, so "01.51" is 1.51 and "1." is 1.0. Plain values.
#pragma once

#include <compare>
#include <string>
#include <string_view>

namespace wharf::api {

struct Version {
  int major = 0;
  int minor = 0;
  auto operator<=>(const Version&) const = default;

  std::string text() const;

  /// Never fails for text of digits and points; parts after the second are ignored.
  static Version parse(std::string_view text);
};

/// The highest version whose shapes this engine implements.
inline constexpr Version kMaximum{1, 54};

/// Docker: dockerd 29 refuses clients below 1.40 unless `min-api-version` lowers it.
inline constexpr Version kDefaultMinimum{1, 40};

/// What `min-api-version` may be lowered to.
inline constexpr Version kLowestMinimum{1, 24};

}  // namespace wharf::api
