#include "build/writable.h"

#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "layer/draft.h"

namespace wharf::build {

Writable::Writable(layer::Layers& layers, const std::vector<base::Digest>& below)
    : layers_(layers), id_("build-" + base::hex(base::random_bytes(12))) {
  try {
    layers_.create_writable(id_, below);
    mount_ = layers_.mount(id_, below, {.discardable = true});
  } catch (...) {
    layers_.remove_writable(id_);
    throw;
  }
}

Writable::~Writable() {
  mount_.reset();
  try {
    layers_.remove_writable(id_);
  } catch (const base::Error& error) {
    base::log_warn("remove {}: {}", id_, error.what());
  }
}

Result Writable::finish() {
  mount_.reset();
  return layer_of(layers_, layers_.upper_directory(id_));
}

Result layer_of(layer::Layers& layers, const os::Path& upper) {
  const auto draft = layers.draft();
  draft->take(upper);
  Result result;
  result.layer = draft->finish();
  result.tar_bytes = draft->tar_bytes();
  return result;
}

}  // namespace wharf::build
