// A layer that is made here, file by file, and never was a tar: the steps of a build.
//
//   draft() ──► write below directory(), or take() a container's upper directory ──► finish() ─►
//   Pin
//
// Its tar is measured and recorded by finish(), not packed (archive/seal.h). Dropping a Draft
// before that removes what was written. One thread at a time; throws base::Error.
#pragma once

#include <memory>

#include "layer/layers.h"

namespace wharf::layer {

class Draft {
 public:
  ~Draft();
  Draft(const Draft&) = delete;

  /// Empty at first; an upper directory of overlayfs (whiteouts, opaque directories).
  os::Path directory() const { return path_ / "diff"; }

  /// Moves `upper`, which must be on the same file system, here instead of what is here.
  void take(const os::Path& upper);

  /// What was written is a layer now, though not yet known: Layers::commit().
  Pin finish();

  /// Of the tar; after finish().
  std::uint64_t tar_bytes() const { return tar_bytes_; }

 private:
  friend class Layers;
  explicit Draft(std::shared_ptr<LayersState> layers);

  std::shared_ptr<LayersState> layers_;
  os::Path path_;
  std::uint64_t tar_bytes_ = 0;
};

}  // namespace wharf::layer
