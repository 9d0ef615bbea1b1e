// The layers of one manifest, brought to a registry side by side. Inside room image only.
//
// For each, what is cheapest and keeps its digest comes first: it is there; it is mounted from the
// repository it was pulled from; it is sent on from another registry it was pulled from; it is
// made again from its record and compressed while it is sent, under a digest of its own.
#pragma once

#include <mutex>
#include <stop_token>
#include <vector>

#include "image/catalog.h"
#include "image/images.h"
#include "image/progress.h"
#include "layer/layers.h"
#include "oci/manifest.h"
#include "registry/registry.h"

namespace wharf::image {

struct PushTarget {
  const registry::Repository& repository;
  std::string domain;
  /// Where the image came from; nothing where that is unknown.
  std::optional<registry::Repository> source;
  oci::Reference source_name;
};

class LayerPush {
 public:
  LayerPush(const Stores& stores, const PushTarget& target, const ProgressSink& progress,
            std::stop_token stop)
      : layers_(stores.layers), target_(target), progress_(progress), stop_(std::move(stop)) {}

  /// `manifest`'s layers become what the registry has now. The first failure stops the others and
  /// is thrown.
  void run(oci::Manifest& manifest, const std::vector<base::Digest>& diff_ids, int threads);

 private:
  struct Job {
    base::Digest diff_id;
    oci::Descriptor before;
    oci::Descriptor after;
  };

  void work();
  void send(Job& job);
  bool keep_digest(const Job& job);
  bool send_on(const Job& job);
  void pack(Job& job);
  registry::BodyBytes counted(const Job& job, registry::BodyBytes bytes);
  void say(const base::Digest& layer, const std::string& status);

  layer::Layers& layers_;
  const PushTarget& target_;
  const ProgressSink& progress_;
  std::stop_token stop_;
  std::vector<Job> jobs_;
  std::mutex mutex_;  ///< Guards what follows, and keeps progress lines apart.
  std::size_t next_ = 0;
  std::exception_ptr first_failure_;
};

}  // namespace wharf::image
