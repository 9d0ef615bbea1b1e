// Importing: one tar of a root file system becomes an image of one layer.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "image/images.h"
#include "image/load.h"

namespace wharf::image {

struct ImportRequest {
  std::optional<oci::Reference> name;  ///< Without: a dangling image.
  std::optional<oci::Platform> platform;
  std::string message;
  std::vector<std::string> changes;  ///< Dockerfile lines: see changes.h.
};

/// The new image's id. Throws InvalidArgument where a change is wrong, before a byte is read.
base::Digest import_tar(Images& images, const ByteSource& source, const ImportRequest& request,
                        std::stop_token stop);

/// A manifest and config for `config` over one more verified layer chain: what import and commit
/// end with. `layers` are held and named in one transaction. `diff_ids` of `config` must be set.
base::Digest add_image(Images& images, const oci::ImageConfig& config,
                       const std::optional<oci::Reference>& name);

}  // namespace wharf::image
