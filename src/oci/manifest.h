// Manifests and indexes of images, as registries and archives carry them.
//
// parse_document() takes bytes from strangers: at most 4 MiB, 64 levels, 1,000 layers,
// 10,000 index entries. What the bytes call themselves, what the transport called them and
// the shape must agree, so that no document can be read in two ways (CVE-2021-41190).
// Digests are always over the bytes as they came. Plain values.
// Specified by OCI image-spec (descriptor, manifest, image-index) and Docker's schema 2.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/digest.h"
#include "base/json.h"
#include "oci/platform.h"

namespace wharf::oci {

inline constexpr std::size_t kManifestLimit = 4 << 20;
inline constexpr std::size_t kLayerLimit = 1000;
inline constexpr std::size_t kIndexEntryLimit = 10'000;

namespace media {
inline constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kOciConfig = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kOciLayer = "application/vnd.oci.image.layer.v1.tar";
inline constexpr std::string_view kOciLayerGzip = "application/vnd.oci.image.layer.v1.tar+gzip";
inline constexpr std::string_view kDockerManifest =
    "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view kDockerList =
    "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view kDockerConfig = "application/vnd.docker.container.image.v1+json";
inline constexpr std::string_view kDockerLayer = "application/vnd.docker.image.rootfs.diff.tar";
inline constexpr std::string_view kDockerLayerGzip =
    "application/vnd.docker.image.rootfs.diff.tar.gzip";
}  // namespace media

bool is_manifest_type(std::string_view media_type);
bool is_index_type(std::string_view media_type);
bool is_config_type(std::string_view media_type);
/// Any tar layer, compressed or not, also a foreign one.
bool is_layer_type(std::string_view media_type);

struct Descriptor {
  std::string media_type;
  base::Digest digest;
  std::int64_t size_bytes = 0;
  std::vector<std::string> urls;
  std::map<std::string, std::string> annotations;
  std::string artifact_type;
  std::optional<Platform> platform;

  bool operator==(const Descriptor&) const = default;
};

struct Manifest {
  std::string media_type;
  Descriptor config;
  std::vector<Descriptor> layers;
  std::map<std::string, std::string> annotations;

  /// False for attestations and other artifacts whose config is no image config.
  bool is_image() const { return is_config_type(config.media_type); }
};

struct Index {
  std::string media_type;
  std::vector<Descriptor> manifests;
  std::map<std::string, std::string> annotations;
};

using Document = std::variant<Manifest, Index>;

/// `content_type` is what the transport said, "" where it says nothing. Throws
/// InvalidArgument, saying what is wrong with the document.
Document parse_document(std::string_view bytes, std::string_view content_type);

base::Json to_json(const Descriptor& descriptor);
Descriptor descriptor_from_json(const base::Json& json, const std::string& what);

/// The bytes of a new manifest: same input, same bytes, in the member order of Go's encoder.
std::string manifest_text(const Manifest& manifest);

/// Attestations of BuildKit sit in an index beside the image they speak of
/// ("vnd.docker.reference.type": "attestation-manifest").
bool is_attestation(const Descriptor& descriptor);

/// The best entry for `wanted`, ignoring attestations; nullptr when none serves.
const Descriptor* choose(const Index& index, const Platform& wanted);

}  // namespace wharf::oci
