// Saving: images become one tar that every engine loads: an OCI layout (oci-layout, index.json,
// blobs/sha256/) that also has docker-archive's manifest.json.
//
// A layer's exact tar is made again from its record. A manifest that names its layers compressed
// cannot be sent as it is, since compressed bytes are not kept: then a manifest of the same
// config with uncompressed layers stands in for it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "image/images.h"

namespace wharf::image {

struct SaveRequest {
  std::vector<std::string> names;
  std::vector<oci::Platform> platforms;
};

using ByteSink = std::function<void(std::string_view)>;

/// Resolves every name before the first byte is written (NotFound is an ordinary answer then).
void save(const Images& images, const SaveRequest& request, const ByteSink& sink);

}  // namespace wharf::image
