// Committing: what a container changed becomes one more layer, and the whole a new image.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "image/images.h"

namespace wharf::image {

/// overlayfs stacks 500 directories; one is the container's own.
inline constexpr std::size_t kMostLayers = 499;

struct CommitRequest {
  base::Digest parent;                 ///< May be gone by now: then its history is unknown.
  std::vector<base::Digest> diff_ids;  ///< Of the layers below; held by the caller.
  oci::RunConfig config;               ///< All of it.
  std::string created_by;
  std::string author;
  std::string comment;
  std::optional<oci::Reference> name;  ///< Without: a dangling image.
};

/// Gives the new layer's tar to what it gets. False where nothing changed: then there is none.
using LayerTar = std::function<bool(const std::function<void(std::string_view)>&)>;

/// The new image's id. Throws InvalidArgument "max depth exceeded"; nothing stays of what failed.
base::Digest commit(Images& images, const CommitRequest& request, const LayerTar& write_tar);

}  // namespace wharf::image
