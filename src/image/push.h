// Pushing: an image's layers, config and manifest go to a registry.
//
// Layers are kept unpacked: what the manifest names uncompressed is compressed for the wire, and
// the manifest that is pushed names what was sent. A layer that came from the same registry is
// mounted there under its own digest. One platform of an image is pushed: the one asked for, or
// this machine's.
#pragma once

#include <optional>
#include <stop_token>

#include "image/images.h"
#include "image/progress.h"
#include "registry/registry.h"

namespace wharf::image {

struct PushRequest {
  oci::Reference reference;  ///< Without a tag: every tag of the repository that is here.
  std::optional<oci::Platform> platform;
  registry::Credentials credentials;
};

/// Reports as `docker push` shows it. Throws NotFound "An image does not exist locally with the
/// tag: x".
void push(Images& images, registry::Registry& registry, const PushRequest& request,
          const ProgressSink& progress, std::stop_token stop);

}  // namespace wharf::image
