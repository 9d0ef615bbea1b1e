#include "image/commit.h"

#include "base/error.h"
#include "base/log.h"
#include "content/blobs.h"
#include "image/documents.h"
#include "image/import.h"
#include "layer/layers.h"

namespace wharf::image {
namespace {

using base::fail;
using base::Kind;

oci::Descriptor plain_layer(const base::Digest& diff_id, std::uint64_t bytes) {
  oci::Descriptor layer;
  layer.media_type = oci::media::kOciLayer;
  layer.digest = diff_id;
  layer.size_bytes = static_cast<std::int64_t>(bytes);
  return layer;
}

class Commit {
 public:
  Commit(Images& images, const CommitRequest& request)
      : images_(images), layers_(images.stores().layers), request_(request) {}

  base::Digest run(const LayerTar& write_tar) {
    if (request_.diff_ids.size() >= kMostLayers) {
      fail(Kind::InvalidArgument, "max depth exceeded");
    }
    take_parent();
    add_layer(write_tar);
    config_.created = base::rfc3339_nano(base::now());
    config_.author = request_.author;
    config_.config = request_.config;
    config_.history.push_back({.created = config_.created,
                               .created_by = request_.created_by,
                               .author = request_.author,
                               .comment = request_.comment,
                               .empty_layer = pins_.empty()});
    for (const base::Digest& id : request_.diff_ids) config_.rootfs.diff_ids.push_back(id.text());
    for (const layer::Pin& pin : pins_) config_.rootfs.diff_ids.push_back(pin.diff_id().text());
    const base::Digest id =
        add_image(images_, config_, descriptors_, request_.name, request_.parent.text());
    if (request_.name) images_.publish("tag", id, request_.name->familiar());
    return id;
  }

 private:
  /// What the image below says of platform, history and layers.
  void take_parent() {
    try {
      const Image parent = images_.get(request_.parent);
      oci::Descriptor top;
      top.digest = parent.manifest;
      const oci::Manifest manifest = read_manifest(images_.stores().blobs, top);
      if (parent.diff_ids == request_.diff_ids &&
          manifest.layers.size() == request_.diff_ids.size()) {
        use(parent.config, manifest);
        return;
      }
    } catch (const base::Error& error) {
      // `docker rmi -f` leaves the layers of images that containers use.
      base::log_info("commit without the image below ({}): {}", request_.parent.text(),
                     error.what());
    }
    make_up_parent();
  }

  void use(const oci::ImageConfig& parent, const oci::Manifest& manifest) {
    config_.architecture = parent.architecture;
    config_.variant = parent.variant;
    config_.os = parent.os;
    config_.os_version = parent.os_version;
    config_.os_features = parent.os_features;
    config_.history = parent.history;
    for (const oci::Descriptor& one : manifest.layers) {
      descriptors_.push_back(one);
      std::string& type = descriptors_.back().media_type;
      // The new manifest is OCI's; the bytes are the same under both names.
      if (type == oci::media::kDockerLayerGzip) type = oci::media::kOciLayerGzip;
      if (type == oci::media::kDockerLayer) type = oci::media::kOciLayer;
    }
  }

  void make_up_parent() {
    const oci::Platform platform = oci::host_platform();
    config_.architecture = platform.architecture;
    config_.os = platform.os;
    for (const base::Digest& diff_id : request_.diff_ids) {
      std::uint64_t bytes = 0;
      layers_.write_tar(diff_id, [&](std::string_view some) { bytes += some.size(); });
      descriptors_.push_back(plain_layer(diff_id, bytes));
      config_.history.push_back({.created = {}, .created_by = "unknown"});
    }
  }

  void add_layer(const LayerTar& write_tar) {
    const std::unique_ptr<layer::Ingest> ingest = layers_.begin();
    if (!write_tar([&](std::string_view bytes) { ingest->write(bytes); })) return;
    pins_.push_back(ingest->finish({}));
    layers_.commit(pins_);
    descriptors_.push_back(plain_layer(pins_.front().diff_id(), ingest->unpacked_bytes()));
  }

  Images& images_;
  layer::Layers& layers_;
  const CommitRequest& request_;
  oci::ImageConfig config_;
  std::vector<oci::Descriptor> descriptors_;
  std::vector<layer::Pin> pins_;  ///< The new layer, or nothing.
};

}  // namespace

base::Digest commit(Images& images, const CommitRequest& request, const LayerTar& write_tar) {
  return Commit(images, request).run(write_tar);
}

}  // namespace wharf::image
