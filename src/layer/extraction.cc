#include "layer/layers_state.h"

namespace wharf::layer {

Extraction::Extraction(std::unique_ptr<Unpacker> unpacker) : unpacker_(std::move(unpacker)) {}

Extraction::~Extraction() = default;

void Extraction::write(std::string_view bytes) {
  unpacker_->write(bytes);
}

void Extraction::finish() {
  unpacker_->finish();
}

std::unique_ptr<Extraction> Layers::extract(const os::Fd& root, const archive::Onto& onto) {
  const LayerOptions& options = state_->options;
  const Order order{options.limits, options.writers, onto};
  return std::unique_ptr<Extraction>(new Extraction(
      std::make_unique<Unpacker>(options.unpacker, order, root, options.stall_seconds)));
}

}  // namespace wharf::layer
