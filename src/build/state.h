// What a stage is at one step: the image it would be, and the layers that keep it.
#pragma once

#include <string>
#include <vector>

#include "image/images.h"
#include "layer/layers.h"
#include "oci/image_config.h"
#include "oci/manifest.h"

namespace wharf::build {

struct State {
  oci::ImageConfig config;
  std::vector<base::Digest> diff_ids;   ///< Bottom first.
  std::vector<oci::Descriptor> layers;  ///< As the manifest has them, same order.
  std::vector<layer::Pin> pins;         ///< Of layers that no image holds yet.
  base::Digest id;                      ///< Of the manifest this would be; empty for scratch.
  std::string from;                     ///< The id of the image at the bottom, or "".
  bool cmd_set = false;                 ///< By this stage, not by the image at the bottom.

  const std::vector<std::string>& env() const;
};

/// `FROM image`.
State state_of(const image::Images& images, const image::Image& image);

/// `FROM scratch`.
State empty_state(const oci::Platform& platform);

struct Documents {
  std::string config;
  std::string manifest;
  base::Digest id;
};
/// The documents of the image this state is.
Documents documents_of(const State& state);

/// One more layer, or none.
void add_layer(State& state, const layer::Pin& pin, std::uint64_t tar_bytes);

/// Says how the state came to be, and computes its id. `created` as RFC 3339.
void add_history(State& state, oci::History history);

/// As what room container can make a container of. Its id need not be among the images.
image::Image image_of(const State& state);

}  // namespace wharf::build
