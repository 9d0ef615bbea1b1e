// Reading an image's documents from the content store. Inside room image only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "content/blobs.h"
#include "image/catalog.h"
#include "oci/image_config.h"
#include "oci/manifest.h"

namespace wharf::image {

/// An index in an index in an index ...: so deep, no deeper (threats A42).
inline constexpr int kIndexDepthLimit = 4;
/// Entries of all indexes of one image together.
inline constexpr std::size_t kIndexTotalLimit = 20'000;

oci::Document read_document(const content::Blobs& blobs, const base::Digest& digest,
                            std::string_view media_type);

/// Every manifest below `id`, in order, each once, whether it is here or not. An index that is
/// not here counts as nothing. Throws InvalidArgument past the limits.
std::vector<oci::Descriptor> manifests_below(const content::Blobs& blobs,
                                             const oci::Descriptor& top);

oci::Manifest read_manifest(const content::Blobs& blobs, const oci::Descriptor& descriptor);

/// The manifest that serves `wanted` best among those of `entry` that are here; nothing is "this
/// machine's, or else the first that is here". Nothing where none does.
std::optional<oci::Descriptor> choose_available(const content::Blobs& blobs, const Entry& entry,
                                                const std::optional<oci::Platform>& wanted);

/// "busybox:latest" of "docker.io/library/busybox:latest".
std::string familiar(const std::string& name);

}  // namespace wharf::image
