// Loading: an archive made by `docker save`, skopeo, podman or buildx becomes images.
//
// Understood: docker-archive (manifest.json) and OCI layout (index.json), compressed or not.
// The archive is one pass over a stream: layers go to their unpackers as they come, documents
// are kept in memory up to a limit, and only at the end is it known what belongs together.
// A docker-archive has no manifest: one is made from it, the same bytes every time.
// Names appear after every digest and diff id held; a bad archive leaves nothing.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <stop_token>

#include "image/images.h"
#include "image/progress.h"

namespace wharf::image {

/// Documents of one archive that are kept in memory while it is read.
inline constexpr std::size_t kLoadDocumentsLimit = 64 << 20;
/// Names of one image in an archive.
inline constexpr std::size_t kLoadNamesLimit = 1000;

/// Fills the buffer with the next bytes; 0 at the end. May throw.
using ByteSource = std::function<std::size_t(std::span<char>)>;

struct LoadRequest {
  bool quiet = true;
  std::vector<oci::Platform> platforms;  ///< Empty: all that the archive has.
};

/// Reports "Loaded image: x:y\n" for each. Throws InvalidArgument: "unrecognized image format",
/// "unexpected EOF", or what is wrong with which part.
void load(Images& images, const ByteSource& source, const LoadRequest& request,
          const ProgressSink& progress, std::stop_token stop);

}  // namespace wharf::image
