// What room image tells of an image: plain values, made on request, compared and copied freely.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/filters.h"
#include "base/time.h"
#include "oci/image_config.h"
#include "oci/manifest.h"
#include "oci/platform.h"

namespace wharf::image {

/// A container that was made from an image.
struct User {
  std::string container_id;
  bool running = false;
};

/// One image as one platform sees it.
struct Image {
  base::Digest id;            ///< Of the manifest or index that the name points to.
  std::int64_t id_bytes = 0;  ///< Size of that document.
  std::string media_type;     ///< Of that document.
  base::Digest manifest;      ///< Of the manifest chosen; equal to `id` without an index.
  base::Digest config_digest;
  oci::ImageConfig config;
  std::vector<base::Digest> diff_ids;  ///< Bottom layer first.
  oci::Platform platform;
  std::vector<std::string> repo_tags;     ///< Familiar: "busybox:latest".
  std::vector<std::string> repo_digests;  ///< Familiar: "busybox@sha256:...".
  std::string parent;                     ///< Id of the image it was committed from, or empty.
  base::Time created;
  base::Time last_tagged;
  std::int64_t size_bytes = 0;
};

/// One manifest of an image, as `docker images --tree` and "manifests=1" show it.
struct ManifestSummary {
  oci::Descriptor descriptor;
  std::string kind;  ///< "image", "attestation", "unknown".
  bool available = false;
  oci::Platform platform;
  base::Digest attests;  ///< For an attestation: the manifest it speaks of.
  std::int64_t content_bytes = 0;
  std::int64_t unpacked_bytes = 0;
  std::vector<std::string> container_ids;
};

/// One line of `docker images`.
struct Summary {
  base::Digest id;
  std::string media_type;
  std::int64_t id_bytes = 0;
  std::vector<std::string> repo_tags;
  std::vector<std::string> repo_digests;
  std::int64_t created_s = 0;
  std::int64_t size_bytes = 0;
  std::int64_t shared_bytes = -1;  ///< -1: not asked.
  std::int64_t containers = 0;
  oci::Labels labels;
  std::vector<ManifestSummary> manifests;
};

struct ListOptions {
  base::Filters filters;
  bool shared_size = false;
  bool manifests = false;
};

struct HistoryItem {
  std::string id = "<missing>";
  std::int64_t created_s = 0;
  std::string created_by;
  std::vector<std::string> tags;
  std::int64_t size_bytes = 0;
  std::string comment;
};

struct Removed {
  std::string untagged;  ///< One of the two is set.
  std::string deleted;
};

struct RemoveOptions {
  bool force = false;
  std::vector<oci::Platform> platforms;
};

struct PruneReport {
  std::vector<Removed> removed;
  std::uint64_t space_reclaimed = 0;
};

}  // namespace wharf::image
