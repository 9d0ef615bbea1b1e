// A root file system to write into, and the layer that comes of it. Inside room build only.
#pragma once

#include <string>

#include "build/cache.h"
#include "layer/layers.h"

namespace wharf::build {

class Writable {
 public:
  Writable(layer::Layers& layers, const std::vector<base::Digest>& below);
  ~Writable();
  Writable(const Writable&) = delete;

  const os::Fd& root() const { return mount_->fd(); }

  /// What was written is a layer now; the root is gone.
  Result finish();

 private:
  layer::Layers& layers_;
  std::string id_;
  std::optional<os::DetachedMount> mount_;
};

/// The layer of an upper directory, which is moved away.
Result layer_of(layer::Layers& layers, const os::Path& upper);

}  // namespace wharf::build
