// A layer's tar, compressed with gzip into a file that has no name. Inside room image only.
#pragma once

#include "layer/layers.h"
#include "oci/manifest.h"
#include "os/fd.h"
#include "registry/registry.h"

namespace wharf::image {

class PackedLayer {
 public:
  /// Makes the tar again and compresses it: the same layer, the same bytes.
  PackedLayer(layer::Layers& layers, const base::Digest& diff_id);

  const base::Digest& digest() const { return digest_; }
  std::int64_t bytes() const { return bytes_; }

  /// Reads from the start.
  registry::BodyBytes open() const;

 private:
  os::Fd file_;
  base::Digest digest_;
  std::int64_t bytes_ = 0;
};

}  // namespace wharf::image
