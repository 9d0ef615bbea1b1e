// Objects of the engine as the API shows them, for more than one family of routes.
#pragma once

#include "api/image.h"
#include "api/volume.h"
#include "image/images.h"
#include "volume/volumes.h"

namespace wharf::server {

api::VolumeInfo describe(const volume::Volume& volume);  // volumes.cc

/// Without its manifests.
api::ImageSummary describe(const image::Summary& image);  // images.cc

}  // namespace wharf::server
