#include "image/load.h"

#include "archive/source.h"
#include "base/error.h"
#include "base/log.h"
#include "content/blobs.h"
#include "image/documents.h"
#include "image/intake.h"
#include "layer/layers.h"

namespace wharf::image {
namespace {

using base::fail;
using base::Json;
using base::JsonArray;
using base::Kind;

class FunctionSource final : public archive::Source {
 public:
  explicit FunctionSource(const ByteSource& read) : read_(read) {}
  std::size_t read(std::span<char> into) override { return read_(into); }

 private:
  const ByteSource& read_;
};

/// An image of the archive, verified and ready to be named.
struct Found {
  base::Digest id;
  std::string media_type;
  std::set<base::Digest> verified;
  std::vector<oci::Reference> names;
  bool runnable = false;  ///< One of the manifests is an image, not an attestation.
};

std::string blob_path(const base::Digest& digest) {
  return "blobs/sha256/" + std::string(digest.hex());
}

const JsonArray& array_of(const Json& json, std::string_view what) {
  if (!json.is_array()) fail(Kind::InvalidArgument, "{} is not a list", what);
  return json.get_array();
}

std::vector<std::string> texts(const base::JsonObject& object, std::string_view key,
                               std::size_t limit) {
  std::vector<std::string> out;
  const Json* list = base::find(object, key);
  if (!list || list->is_null()) return out;
  for (const Json& one : array_of(*list, key)) {
    if (!one.is_string())
      fail(Kind::InvalidArgument, "manifest.json: {} holds what is no string", key);
    if (out.size() >= limit)
      fail(Kind::InvalidArgument, "manifest.json: {} has more than {} entries", key, limit);
    out.emplace_back(one.get_string());
  }
  return out;
}

class Load {
 public:
  Load(Images& images, const LoadRequest& request, const ProgressSink& progress,
       std::stop_token stop)
      : images_(images),
        blobs_(images.stores().blobs),
        request_(request),
        progress_(progress),
        intake_(images.stores().layers, progress, request.quiet, std::move(stop)),
        lease_(blobs_.lease()) {}

  void run(const ByteSource& source) {
    FunctionSource outer(source);
    const std::unique_ptr<archive::Source> plain = archive::decompress(outer);
    read(*plain);
    const std::string* layout = intake_.document("oci-layout");
    const std::string* index = intake_.document("index.json");
    const std::string* archive = intake_.document("manifest.json");
    std::vector<Found> found;
    if (layout && index)
      found = read_layout(*index);
    else if (archive)
      found = read_archive(*archive);
    else
      fail(Kind::InvalidArgument, "unrecognized image format");
    if (found.empty())
      fail(Kind::InvalidArgument, "the archive holds no image for the platform asked for");
    images_.stores().layers.commit(pins_);
    for (const Found& image : found) add(image);
  }

 private:
  void read(archive::Source& plain) {
    try {
      intake_.read(plain);
    } catch (const base::Error& error) {
      // Docker: the outer archive is read by a reader that says only this.
      if (std::string_view(error.what()) != "archive/tar: unexpected EOF") throw;
      fail(Kind::InvalidArgument, "unexpected EOF");
    }
  }

  // Docker-archive.

  std::vector<Found> read_archive(const std::string& text) {
    const Json json = base::parse_json(text, "manifest.json");
    std::vector<Found> found;
    for (const Json& one : array_of(json, "manifest.json")) {
      if (!one.is_object()) fail(Kind::InvalidArgument, "manifest.json: an entry is not an object");
      found.push_back(read_archived_image(one.get_object()));
    }
    return found;
  }

  Found read_archived_image(const base::JsonObject& object) {
    const std::string config_name(base::text_at(object, "Config"));
    const std::string* config_text = intake_.document(config_name);
    if (!config_text)
      fail(Kind::InvalidArgument, "manifest.json: config {} is not in the archive", config_name);
    const oci::ImageConfig config = oci::parse_image_config(*config_text);

    oci::Manifest manifest;
    manifest.media_type = oci::media::kDockerManifest;
    manifest.config.media_type = oci::media::kDockerConfig;
    manifest.config.digest = base::Sha256::of(*config_text);
    manifest.config.size_bytes = static_cast<std::int64_t>(config_text->size());
    std::vector<const LoadedLayer*> layers;
    for (const std::string& name : texts(object, "Layers", oci::kLayerLimit)) {
      layers.push_back(intake_.layer(name));
      if (!layers.back())
        fail(Kind::InvalidArgument, "manifest.json: layer {} is not in the archive", name);
      manifest.layers.push_back(layers.back()->blob);
    }
    check_layers(layers, config);
    blobs_.put(*config_text, manifest.config.digest);
    const base::Digest id = blobs_.put(oci::manifest_text(manifest));
    Found found{id, manifest.media_type, {id}, {}, true};
    for (const std::string& tag : texts(object, "RepoTags", kLoadNamesLimit)) {
      found.names.push_back(parse_name(tag));
    }
    return found;
  }

  static oci::Reference parse_name(const std::string& tag) {
    try {
      const oci::Reference name = oci::Reference::parse(tag);
      if (name.has_digest()) fail(Kind::InvalidArgument, "a digest is no tag");
      return name.with_default_tag();
    } catch (const base::Error& error) {
      fail(Kind::InvalidArgument, "invalid tag {:.200}: {}", tag, error.what());
    }
  }

  /// The bytes that came must be the layers that the config names (threats A31, A32).
  void check_layers(const std::vector<const LoadedLayer*>& layers, const oci::ImageConfig& config) {
    const std::vector<base::Digest> diff_ids = config.diff_ids();
    if (layers.size() != diff_ids.size()) {
      fail(Kind::InvalidArgument, "the image has {} layers, but its config has {} diff ids",
           layers.size(), diff_ids.size());
    }
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const layer::Pin& pin = layers[i]->pin;
      if (pin.diff_id() != diff_ids[i]) {
        fail(Kind::InvalidArgument, "layer {}: wrong diff id: the config says {}, it is {}",
             layers[i]->blob.digest.text(), diff_ids[i].text(), pin.diff_id().text());
      }
      pins_.push_back(pin);
    }
  }

  // OCI layout.

  std::vector<Found> read_layout(const std::string& text) {
    const oci::Document document = oci::parse_document(text, {});
    const oci::Index* index = std::get_if<oci::Index>(&document);
    if (!index) fail(Kind::InvalidArgument, "index.json is not an index");
    std::vector<Found> found;
    for (const oci::Descriptor& top : index->manifests) {
      Found image{top.digest, top.media_type, {}, {}, false};
      seen_.clear();
      visit(top, image, 0);
      if (!image.runnable) continue;
      if (std::optional<oci::Reference> name = annotated_name(top))
        image.names.push_back(std::move(*name));
      found.push_back(std::move(image));
    }
    return found;
  }

  /// Docker: the full name, or what `skopeo` and `buildah` write as ref.name.
  static std::optional<oci::Reference> annotated_name(const oci::Descriptor& top) {
    const auto full = top.annotations.find("io.containerd.image.name");
    if (full != top.annotations.end()) return parse_name(full->second);
    const auto name = top.annotations.find("org.opencontainers.image.ref.name");
    if (name == top.annotations.end() || name->second.find_first_of(":/") == std::string::npos)
      return std::nullopt;
    return parse_name(name->second);
  }

  /// Stores what is below `at` and is complete; what is absent from the archive is passed over.
  void visit(const oci::Descriptor& at, Found& image, int depth) {
    if (depth > kIndexDepthLimit)
      fail(Kind::InvalidArgument, "image index: nested deeper than {}", kIndexDepthLimit);
    if (!seen_.insert(at.digest).second) return;
    const std::string* text = intake_.document(blob_path(at.digest));
    if (!text) {
      if (depth == 0)
        fail(Kind::InvalidArgument, "index.json: {} is not in the archive", at.digest.text());
      return;
    }
    const oci::Document document = oci::parse_document(*text, at.media_type);
    if (const oci::Index* index = std::get_if<oci::Index>(&document)) {
      for (const oci::Descriptor& entry : index->manifests) visit(entry, image, depth + 1);
      if (image.runnable) blobs_.put(*text, at.digest);
      return;
    }
    const oci::Manifest& manifest = std::get<oci::Manifest>(document);
    if (take_manifest(at, manifest, depth)) {
      if (manifest.is_image() && !oci::is_attestation(at)) image.runnable = true;
      blobs_.put(*text, at.digest);
      image.verified.insert(at.digest);
    }
  }

  bool wanted(const oci::Platform& platform) const {
    const auto serves = [&](const oci::Platform& asked) {
      return oci::rank(asked, platform).has_value();
    };
    return request_.platforms.empty() ||
           std::any_of(request_.platforms.begin(), request_.platforms.end(), serves);
  }

  bool take_manifest(const oci::Descriptor& at, const oci::Manifest& manifest, int depth) {
    const std::string* config_text = intake_.document(blob_path(manifest.config.digest));
    if (!config_text) {
      if (depth == 0)
        fail(Kind::InvalidArgument, "config {} is not in the archive",
             manifest.config.digest.text());
      return false;
    }
    if (!manifest.is_image() || oci::is_attestation(at)) {
      blobs_.put(*config_text, manifest.config.digest);
      return depth > 0;
    }
    const oci::ImageConfig config = oci::parse_image_config(*config_text);
    if (!wanted(config.platform())) return false;
    std::vector<const LoadedLayer*> layers;
    for (const oci::Descriptor& layer : manifest.layers) {
      layers.push_back(intake_.layer(blob_path(layer.digest)));
      if (layers.back()) continue;
      if (depth == 0)
        fail(Kind::InvalidArgument, "layer {} is not in the archive", layer.digest.text());
      return false;
    }
    check_layers(layers, config);
    blobs_.put(*config_text, manifest.config.digest);
    return true;
  }

  void add(const Found& image) {
    Record record = images_.examine(image.id, image.media_type, image.verified);
    if (!image.names.empty()) record.source = image.names.front().name();
    images_.add(record, image.names);
    images_.publish("load", image.id, image.id.text());
    for (const oci::Reference& name : image.names) {
      progress_({.stream = fmt::format("Loaded image: {}\n", name.familiar())});
    }
    if (image.names.empty())
      progress_({.stream = fmt::format("Loaded image ID: {}\n", image.id.text())});
  }

  Images& images_;
  content::Blobs& blobs_;
  const LoadRequest& request_;
  const ProgressSink& progress_;
  Intake intake_;
  content::Lease lease_;
  std::vector<layer::Pin> pins_;
  std::set<base::Digest> seen_;
};

}  // namespace

void load(Images& images, const ByteSource& source, const LoadRequest& request,
          const ProgressSink& progress, std::stop_token stop) {
  try {
    Load(images, request, progress, std::move(stop)).run(source);
  } catch (...) {
    try {
      images.collect();  // What came before the failure belongs to nobody.
    } catch (const base::Error& error) {
      base::log_warn("after a failed load: {}", error.what());
    }
    throw;
  }
}

}  // namespace wharf::image
