#include "oci/manifest.h"

#include "base/error.h"

namespace wharf::oci {
namespace {

using base::fail;
using base::Json;
using base::JsonObject;
using base::Kind;

constexpr std::string_view kSchema1 = "application/vnd.docker.distribution.manifest.v1";

const JsonObject& object_of(const Json& json, std::string_view what) {
  if (!json.is_object()) fail(Kind::InvalidArgument, "{} is not an object", what);
  return json.get_object();
}

std::string string_member(const JsonObject& object, std::string_view key, const std::string& what) {
  const Json* value = base::find(object, key);
  if (!value || value->is_null()) return {};
  if (!value->is_string()) fail(Kind::InvalidArgument, "{}: {} is not a string", what, key);
  return std::string(value->get_string());
}

std::map<std::string, std::string> annotations_of(const JsonObject& object,
                                                  const std::string& what) {
  std::map<std::string, std::string> annotations;
  const Json* value = base::find(object, "annotations");
  if (!value || value->is_null()) return annotations;
  for (const auto& [key, text] : object_of(*value, what + ": annotations")) {
    if (!text.is_string())
      fail(Kind::InvalidArgument, "{}: annotation {} is not a string", what, std::string_view(key));
    annotations.emplace(key, text.get_string());
  }
  return annotations;
}

const base::JsonArray& list_of(const Json& json, std::string_view what, std::size_t limit) {
  if (!json.is_array()) fail(Kind::InvalidArgument, "{} is not a list", what);
  if (json.get_array().size() > limit) {
    fail(Kind::InvalidArgument, "{} has {} entries, more than the limit of {}", what,
         json.get_array().size(), limit);
  }
  return json.get_array();
}

std::vector<Descriptor> descriptors(const Json& json, const std::string& what, std::size_t limit) {
  std::vector<Descriptor> out;
  std::size_t n = 0;
  for (const Json& one : list_of(json, what, limit)) {
    out.push_back(descriptor_from_json(one, fmt::format("{} {}", what, n++)));
  }
  return out;
}

void check_version(const JsonObject& document) {
  const Json* version = base::find(document, "schemaVersion");
  if (!version || !version->is_number() || version->to_number<double>() != 2.0) {
    if (base::find(document, "fsLayers")) {
      fail(Kind::InvalidArgument,
           "Docker image manifest version 2, schema 1 is not supported: rebuild the image");
    }
    fail(Kind::InvalidArgument, "manifest: schemaVersion is not 2");
  }
}

Manifest read_manifest(const JsonObject& document, std::string type) {
  Manifest manifest;
  const Json* config = base::find(document, "config");
  const Json* layers = base::find(document, "layers");
  if (!config || !layers) fail(Kind::InvalidArgument, "manifest: config or layers missing");
  manifest.config = descriptor_from_json(*config, "manifest: config");
  manifest.layers = descriptors(*layers, "manifest: layers", kLayerLimit);
  manifest.annotations = annotations_of(document, "manifest");
  manifest.media_type = std::move(type);
  return manifest;
}

/// The type of a document that does not say it itself (OCI allows that): from its shape.
std::string type_of(const JsonObject& document, std::string_view content_type, bool index) {
  const std::string own = string_member(document, "mediaType", "manifest");
  const std::string_view transport = content_type.substr(0, content_type.find(';'));
  const bool says = is_index_type(transport) || is_manifest_type(transport);
  if (!own.empty() && says && own != transport) {
    fail(Kind::InvalidArgument, "manifest: mediaType {} does not match Content-Type {}", own,
         transport);
  }
  const std::string type = !own.empty() ? own
                           : says       ? std::string(transport)
                                  : std::string(index ? media::kOciIndex : media::kOciManifest);
  if (!is_index_type(type) && !is_manifest_type(type)) {
    fail(Kind::InvalidArgument, "unsupported manifest media type {}", type);
  }
  if (is_index_type(type) != index) {
    fail(Kind::InvalidArgument, "manifest: the document is {}, but its media type is {}",
         index ? "an index" : "a manifest", type);
  }
  return type;
}

JsonObject descriptor_head(const Descriptor& descriptor) {
  JsonObject object;
  object["mediaType"] = descriptor.media_type;
  object["digest"] = descriptor.digest.text();
  object["size"] = descriptor.size_bytes;
  return object;
}

}  // namespace

bool is_manifest_type(std::string_view type) {
  return type == media::kOciManifest || type == media::kDockerManifest;
}
bool is_index_type(std::string_view type) {
  return type == media::kOciIndex || type == media::kDockerList;
}
bool is_config_type(std::string_view type) {
  return type == media::kOciConfig || type == media::kDockerConfig;
}

bool is_layer_type(std::string_view type) {
  return type.starts_with("application/vnd.oci.image.layer.") ||
         type.starts_with("application/vnd.docker.image.rootfs.diff.tar") ||
         type.starts_with("application/vnd.docker.image.rootfs.foreign.diff.tar");
}

Descriptor descriptor_from_json(const Json& json, const std::string& what) {
  const JsonObject& object = object_of(json, what);
  Descriptor descriptor;
  descriptor.media_type = string_member(object, "mediaType", what);
  const std::string digest = string_member(object, "digest", what);
  if (!base::Digest::valid(digest))
    fail(Kind::InvalidArgument, "{}: invalid digest {:.100}", what, digest);
  descriptor.digest = base::Digest::parse(digest);
  const Json* size = base::find(object, "size");
  boost::system::error_code wrong;
  if (size) descriptor.size_bytes = size->to_number<std::int64_t>(wrong);
  if (!size || wrong || descriptor.size_bytes < 0)
    fail(Kind::InvalidArgument, "{}: invalid size", what);
  descriptor.artifact_type = string_member(object, "artifactType", what);
  descriptor.annotations = annotations_of(object, what);
  if (const Json* platform = base::find(object, "platform"); platform && !platform->is_null()) {
    descriptor.platform = platform_from_json(*platform);
  }
  const Json* urls = base::find(object, "urls");
  if (!urls || urls->is_null()) return descriptor;
  for (const Json& url : list_of(*urls, what + ": urls", kLayerLimit)) {
    if (!url.is_string()) fail(Kind::InvalidArgument, "{}: a url is not a string", what);
    descriptor.urls.emplace_back(url.get_string());
  }
  return descriptor;
}

Document parse_document(std::string_view bytes, std::string_view content_type) {
  if (bytes.size() > kManifestLimit) {
    fail(Kind::InvalidArgument, "manifest has {} bytes, more than the limit of {}", bytes.size(),
         kManifestLimit);
  }
  if (content_type.starts_with(kSchema1)) {
    fail(Kind::InvalidArgument,
         "Docker image manifest version 2, schema 1 is not supported: rebuild the image");
  }
  const Json json = base::parse_json(bytes, "manifest");
  const JsonObject& document = object_of(json, "manifest");
  check_version(document);
  const Json* manifests = base::find(document, "manifests");
  const bool has_layers = base::find(document, "layers") || base::find(document, "config");
  if (manifests && has_layers) fail(Kind::InvalidArgument, "manifest: both layers and manifests");
  if (base::find(document, "fsLayers"))
    fail(Kind::InvalidArgument, "manifest: fsLayers belongs to schema 1");
  std::string type = type_of(document, content_type, manifests != nullptr);
  if (!manifests) return read_manifest(document, std::move(type));
  Index index;
  // Docker writes null for an index of nothing.
  if (!manifests->is_null())
    index.manifests = descriptors(*manifests, "index: manifests", kIndexEntryLimit);
  index.annotations = annotations_of(document, "index");
  index.media_type = std::move(type);
  return index;
}

Json to_json(const Descriptor& descriptor) {
  JsonObject object = descriptor_head(descriptor);
  if (!descriptor.urls.empty()) {
    base::JsonArray urls;
    for (const std::string& url : descriptor.urls) urls.emplace_back(url);
    object["urls"] = std::move(urls);
  }
  if (!descriptor.annotations.empty()) {
    JsonObject annotations;
    for (const auto& [key, value] : descriptor.annotations) annotations[key] = value;
    object["annotations"] = std::move(annotations);
  }
  if (descriptor.platform) object["platform"] = to_json(*descriptor.platform);
  if (!descriptor.artifact_type.empty()) object["artifactType"] = descriptor.artifact_type;
  return object;
}

std::string manifest_text(const Manifest& manifest) {
  JsonObject object;
  object["schemaVersion"] = 2;
  object["mediaType"] = manifest.media_type;
  object["config"] = to_json(manifest.config);
  base::JsonArray layers;
  for (const Descriptor& layer : manifest.layers) layers.push_back(to_json(layer));
  object["layers"] = std::move(layers);
  return base::to_text(object);
}

bool is_attestation(const Descriptor& descriptor) {
  const auto type = descriptor.annotations.find("vnd.docker.reference.type");
  return type != descriptor.annotations.end() && type->second == "attestation-manifest";
}

const Descriptor* choose(const Index& index, const Platform& wanted) {
  const Descriptor* best = nullptr;
  int best_rank = 0;
  for (const Descriptor& entry : index.manifests) {
    if (is_attestation(entry)) continue;
    // An entry that does not say its platform serves anyone, after all that do.
    constexpr int kUnsaid = 1000;
    const std::optional<int> value = entry.platform ? rank(wanted, *entry.platform) : kUnsaid;
    if (!value || (best && *value >= best_rank)) continue;
    best = &entry;
    best_rank = *value;
  }
  return best;
}

}  // namespace wharf::oci
