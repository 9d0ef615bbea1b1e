// The layers of one manifest, fetched and unpacked side by side. Inside room image only.
#pragma once

#include <mutex>
#include <stop_token>
#include <vector>

#include "content/blobs.h"
#include "image/images.h"
#include "image/progress.h"
#include "layer/layers.h"
#include "oci/image_config.h"
#include "oci/manifest.h"
#include "registry/registry.h"

namespace wharf::image {

class LayerFetch {
 public:
  LayerFetch(const Stores& stores, const registry::Repository& repository,
             const ProgressSink& progress, std::stop_token stop)
      : layers_(stores.layers),
        partials_(stores.blobs.partials()),
        repository_(repository),
        progress_(progress),
        stop_(std::move(stop)) {}

  /// Pins for every layer, each verified against its digest and the config's diff id. The
  /// first failure stops the others and is thrown. InvalidArgument where manifest and config
  /// do not fit together.
  std::vector<layer::Pin> run(const oci::Manifest& manifest, const oci::ImageConfig& config,
                              int threads);

  /// The layers are durable: what was kept of their blobs, to go on from, is not needed any more.
  void forget_kept() noexcept;

 private:
  struct Job {
    const oci::Descriptor* blob;
    base::Digest diff_id;
    std::optional<layer::Pin> pin;
    std::unique_ptr<content::Partial> kept;
  };

  void plan(const oci::Manifest& manifest, const oci::ImageConfig& config);
  void work();
  void fetch(Job& job);
  std::optional<layer::Pin> unpack(const Job& job, layer::Ingest& ingest);
  void stream(const Job& job, layer::Ingest& ingest, bool& unpacking);
  void say(const Progress& line);
  bool cancelled() const { return stop_.stop_requested() || failed_.stop_requested(); }

  layer::Layers& layers_;
  content::Partials& partials_;
  const registry::Repository& repository_;
  const ProgressSink& progress_;
  std::stop_token stop_;

  std::vector<Job> jobs_;
  std::stop_source failed_;
  std::mutex mutex_;  ///< Guards what follows, and keeps progress lines apart.
  std::size_t next_ = 0;
  std::exception_ptr first_failure_;
};

}  // namespace wharf::image
