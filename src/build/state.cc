#include "build/state.h"

#include "content/blobs.h"
#include "image/documents.h"

namespace wharf::build {
namespace {

/// The new manifest is OCI's; the bytes are the same under both names.
oci::Descriptor as_oci(oci::Descriptor layer) {
  if (layer.media_type == oci::media::kDockerLayerGzip)
    layer.media_type = oci::media::kOciLayerGzip;
  if (layer.media_type == oci::media::kDockerLayer) layer.media_type = oci::media::kOciLayer;
  return layer;
}

}  // namespace

const std::vector<std::string>& State::env() const {
  static const std::vector<std::string> kNone;
  return config.config.env ? *config.config.env : kNone;
}

State state_of(const image::Images& images, const image::Image& image) {
  State state;
  state.config = image.config;
  state.diff_ids = image.diff_ids;
  oci::Descriptor top;
  top.digest = image.manifest;
  for (const oci::Descriptor& layer : image::read_manifest(images.stores().blobs, top).layers) {
    state.layers.push_back(as_oci(layer));
  }
  state.id = image.id;
  state.from = image.id.text();
  return state;
}

State empty_state(const oci::Platform& platform) {
  State state;
  state.config.architecture = platform.architecture;
  state.config.variant = platform.variant;
  state.config.os = platform.os;
  return state;
}

Documents documents_of(const State& state) {
  Documents documents;
  documents.config = oci::image_config_text(state.config);
  oci::Manifest manifest;
  manifest.media_type = oci::media::kOciManifest;
  manifest.config.media_type = oci::media::kOciConfig;
  manifest.config.digest = base::Sha256::of(documents.config);
  manifest.config.size_bytes = static_cast<std::int64_t>(documents.config.size());
  manifest.layers = state.layers;
  documents.manifest = oci::manifest_text(manifest);
  documents.id = base::Sha256::of(documents.manifest);
  return documents;
}

void add_layer(State& state, const layer::Pin& pin, std::uint64_t tar_bytes) {
  oci::Descriptor layer;
  layer.media_type = oci::media::kOciLayer;
  layer.digest = pin.diff_id();
  layer.size_bytes = static_cast<std::int64_t>(tar_bytes);
  state.layers.push_back(std::move(layer));
  state.diff_ids.push_back(pin.diff_id());
  state.config.rootfs.diff_ids.push_back(pin.diff_id().text());
  state.pins.push_back(pin);
}

void add_history(State& state, oci::History history) {
  state.config.created = history.created;
  state.config.history.push_back(std::move(history));
  state.id = documents_of(state).id;
}

image::Image image_of(const State& state) {
  image::Image image;
  image.id = image.manifest = state.id;
  image.media_type = oci::media::kOciManifest;
  image.config = state.config;
  image.diff_ids = state.diff_ids;
  image.platform = state.config.platform();
  return image;
}

}  // namespace wharf::build
