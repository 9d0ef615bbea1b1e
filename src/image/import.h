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

/// Makes config and manifest for layers that are committed and whose bytes the caller has
/// verified, and names the image: what import, commit and build end with. `layers` are described
/// uncompressed, digest = diff id, in the order of `config.rootfs`. The caller keeps their pins
/// until this returns. `parent`: the id of the image it was made from, or empty.
base::Digest add_image(Images& images, const oci::ImageConfig& config,
                       const std::vector<oci::Descriptor>& layers,
                       const std::optional<oci::Reference>& name, const std::string& parent);

}  // namespace wharf::image
