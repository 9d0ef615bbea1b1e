// Platforms: "linux/amd64", "linux/arm/v7" (OCI image-spec, platform). Plain values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace wharf::oci {

struct Platform {
  std::string architecture;
  std::string os;
  std::string os_version;
  std::vector<std::string> os_features;
  std::string variant;

  /// "linux/amd64", "linux/arm/v7", "unknown" when both are empty.
  std::string text() const;
  bool operator==(const Platform&) const = default;
};

/// "linux/arm64", "arm64", "linux". Throws InvalidArgument with containerd's words.
Platform parse_platform(std::string_view specifier);

/// The API's parameter form: {"os":"linux","architecture":"amd64"}. Throws InvalidArgument.
Platform platform_from_json(const base::Json& json);
base::Json to_json(const Platform& platform);

/// aarch64 is arm64, x86_64 is amd64, arm is arm/v7, arm64/v8 is arm64 ...
Platform normalized(Platform platform);

/// This machine's, with the x86-64 level as variant ("v3").
const Platform& host_platform();

/// How well an image of `candidate` serves whoever wants `wanted`: 0 is exact, more is
/// worse, nothing is unusable. An older variant serves a newer one (v6 on v7), 386 on amd64.
std::optional<int> rank(const Platform& wanted, const Platform& candidate);

}  // namespace wharf::oci
