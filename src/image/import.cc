#include "image/import.h"

#include "base/error.h"
#include "base/time.h"
#include "content/blobs.h"
#include "image/changes.h"
#include "layer/layers.h"

namespace wharf::image {
namespace {

using base::fail;
using base::Kind;

constexpr std::size_t kReadBytes = 128 << 10;

oci::ImageConfig new_config(const ImportRequest& request) {
  const oci::Platform platform = request.platform.value_or(oci::host_platform());
  oci::ImageConfig config;
  config.created = base::rfc3339_nano(base::now());
  config.architecture = platform.architecture;
  // The machine's level is what it can run, not what the tar needs.
  if (request.platform) config.variant = platform.variant;
  config.os = platform.os;
  apply_changes(config.config, request.changes);
  config.history.push_back({.created = config.created, .comment = request.message});
  return config;
}

}  // namespace

base::Digest add_image(Images& images, const oci::ImageConfig& config,
                       const std::vector<oci::Descriptor>& layers,
                       const std::optional<oci::Reference>& name, const std::string& parent) {
  content::Blobs& blobs = images.stores().blobs;
  const content::Lease lease = blobs.lease();
  const std::string config_text = oci::image_config_text(config);
  oci::Manifest manifest;
  manifest.media_type = oci::media::kOciManifest;
  manifest.config.media_type = oci::media::kOciConfig;
  manifest.config.digest = blobs.put(config_text);
  manifest.config.size_bytes = static_cast<std::int64_t>(config_text.size());
  manifest.layers = layers;
  const base::Digest id = blobs.put(oci::manifest_text(manifest));
  std::vector<oci::Reference> names;
  if (name) names.push_back(*name);
  Record record = images.examine(id, manifest.media_type, {id});
  record.parent = parent;
  images.add(record, names);
  return id;
}

base::Digest import_tar(Images& images, const ByteSource& source, const ImportRequest& request,
                        std::stop_token stop) {
  oci::ImageConfig config = new_config(request);
  layer::Layers& layers = images.stores().layers;
  const std::unique_ptr<layer::Ingest> ingest = layers.begin();
  std::vector<char> buffer(kReadBytes);
  std::vector<layer::Pin> pins;
  try {
    while (const std::size_t n = source(buffer)) {
      if (stop.stop_requested()) fail(Kind::Cancelled, "import cancelled");
      ingest->write({buffer.data(), n});
    }
    pins.push_back(ingest->finish({}));
  } catch (const base::Error& error) {
    // Docker: what is wrong with the request is 400, what is wrong with the tar is 500.
    if (error.kind() != Kind::InvalidArgument) throw;
    fail(Kind::Internal, "{}", error.what());
  }
  layers.commit(pins);
  config.rootfs.diff_ids = {pins[0].diff_id().text()};
  oci::Descriptor layer;
  layer.media_type = oci::media::kOciLayer;
  layer.digest = pins[0].diff_id();
  layer.size_bytes = static_cast<std::int64_t>(ingest->unpacked_bytes());
  const base::Digest id = add_image(images, config, {layer}, request.name, "");
  images.publish("import", id, request.name ? request.name->familiar() : id.text());
  return id;
}

}  // namespace wharf::image
