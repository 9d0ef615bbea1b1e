// Pulling: a registry's image becomes layers on disk and a name.
//
//   manifest ─► choose platform ─► config ─┬─► layer 1: fetch ─► check ─► unpacker ─┐
//                                          ├─► layer 2 ...                          ├─► commit ─►
//                                          name └─► (max_concurrent_downloads at a time) ┘
//
// All layers unpack at once, none waits for its parent. The name appears after every digest and
// diff id held; a failure before leaves no name and, once collected, no byte. Cancelled as soon
// as `stop` says so.
#pragma once

#include <optional>
#include <stop_token>

#include "image/images.h"
#include "image/progress.h"
#include "registry/registry.h"

namespace wharf::image {

struct PullRequest {
  oci::Reference reference;  ///< With a tag or digest; without either: every tag.
  std::optional<oci::Platform> platform;
  registry::Credentials credentials;
};

/// Reports as `docker pull` shows it, up to "Status: Downloaded newer image for x:y". Throws
/// NotFound, Unauthorized, Unavailable, InvalidArgument (what the registry sent is wrong).
void pull(Images& images, registry::Registry& registry, const PullRequest& request,
          const ProgressSink& progress, std::stop_token stop);

}  // namespace wharf::image
