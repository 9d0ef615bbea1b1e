#include "image/save.h"

#include "archive/tar_writer.h"
#include "base/error.h"
#include "content/blobs.h"
#include "image/documents.h"
#include "layer/layers.h"

namespace wharf::image {
namespace {

using base::fail;
using base::Json;
using base::JsonArray;
using base::JsonObject;
using base::Kind;

/// The uncompressed form of a layer's media type.
std::string plain_type(const std::string& type) {
  const bool docker = type.starts_with("application/vnd.docker.");
  return std::string(docker ? oci::media::kDockerLayer : oci::media::kOciLayer);
}

class Save {
 public:
  Save(const Images& images, const SaveRequest& request, const ByteSink& sink)
      : images_(images),
        blobs_(images.stores().blobs),
        layers_(images.stores().layers),
        request_(request),
        tar_(sink) {}

  void run() {
    for (const std::string& name : request_.names) add(name);
    measure();
    write();
  }

 private:
  /// What manifest.json says of one image.
  struct Archived {
    base::Digest config;
    std::vector<std::string> tags;
    std::vector<base::Digest> layers;
  };

  void add(const std::string& name) {
    const Entry entry = entry_of(name);
    const std::vector<oci::Descriptor> manifests = chosen(entry);
    std::vector<oci::Descriptor> saved;
    for (const oci::Descriptor& manifest : manifests) saved.push_back(sendable(manifest));
    oci::Descriptor top = saved.front();
    if (saved.size() > 1) {
      top = new_index(saved);
    } else if (manifests.front().digest == entry.id) {
      top.platform.reset();
    }
    const oci::AnyReference any = oci::parse_any_reference(name);
    const bool by_name = any.name && !any.name->has_digest() &&
                         images_.catalog().by_name(any.name->with_default_tag().text());
    annotate(top, entry, by_name ? &*any.name : nullptr);
    index_.push_back(oci::to_json(top));
    archive(saved.front(), by_name ? any.name->with_default_tag().familiar() : "");
  }

  Entry entry_of(const std::string& name) const {
    const base::Digest id = images_.resolve_id(name);
    return images_.catalog().by_id(id).value();
  }

  std::vector<oci::Descriptor> chosen(const Entry& entry) const {
    std::vector<oci::Descriptor> out;
    if (request_.platforms.empty()) {
      const oci::Descriptor top{
          .media_type = entry.media_type, .digest = entry.id, .size_bytes = entry.bytes};
      for (const oci::Descriptor& one : manifests_below(blobs_, top)) {
        const bool here = std::find(entry.documents.begin(), entry.documents.end(), one.digest) !=
                          entry.documents.end();
        if (here && !oci::is_attestation(one)) out.push_back(one);
      }
    }
    for (const oci::Platform& platform : request_.platforms) {
      std::optional<oci::Descriptor> one = choose_available(blobs_, entry, platform);
      if (!one)
        fail(Kind::NotFound, "image {} does not provide the platform {}", entry.id.text(),
             platform.text());
      out.push_back(std::move(*one));
    }
    if (out.empty()) fail(Kind::NotFound, "image {} has nothing to save", entry.id.text());
    return out;
  }

  /// The manifest itself where its layers are named uncompressed, else one that stands in.
  oci::Descriptor sendable(const oci::Descriptor& descriptor) {
    oci::Manifest manifest = read_manifest(blobs_, descriptor);
    const std::string config_text = blobs_.read(manifest.config.digest);
    const std::vector<base::Digest> diff_ids = oci::parse_image_config(config_text).diff_ids();
    documents_[manifest.config.digest] = config_text;
    bool as_it_is = true;
    for (std::size_t i = 0; i < diff_ids.size(); ++i) {
      sizes_.emplace(diff_ids[i], -1);
      if (manifest.layers[i].digest == diff_ids[i])
        sizes_[diff_ids[i]] = manifest.layers[i].size_bytes;
      else
        as_it_is = false;
    }
    layers_of_[descriptor.digest] = {manifest.config.digest, {}, diff_ids};
    if (as_it_is) {
      documents_[descriptor.digest] = blobs_.read(descriptor.digest);
      return descriptor;
    }
    for (std::size_t i = 0; i < diff_ids.size(); ++i) {
      oci::Descriptor& layer = manifest.layers[i];
      layer = {.media_type = plain_type(layer.media_type),
               .digest = diff_ids[i],
               .size_bytes = size_of(diff_ids[i])};
    }
    oci::Descriptor stand_in = store(oci::manifest_text(manifest), manifest.media_type);
    stand_in.platform = descriptor.platform;
    layers_of_[stand_in.digest] = layers_of_[descriptor.digest];
    return stand_in;
  }

  oci::Descriptor new_index(const std::vector<oci::Descriptor>& manifests) {
    JsonArray list;
    for (const oci::Descriptor& manifest : manifests) list.push_back(oci::to_json(manifest));
    return store(index_text(std::move(list)), std::string(oci::media::kOciIndex));
  }

  oci::Descriptor store(std::string text, const std::string& type) {
    oci::Descriptor descriptor{.media_type = type, .digest = base::Sha256::of(text)};
    descriptor.size_bytes = static_cast<std::int64_t>(text.size());
    documents_[descriptor.digest] = std::move(text);
    return descriptor;
  }

  static std::string index_text(Json manifests) {
    JsonObject index;
    index["schemaVersion"] = 2;
    index["mediaType"] = oci::media::kOciIndex;
    index["manifests"] = std::move(manifests);
    return base::to_text(index);
  }

  void annotate(oci::Descriptor& top, const Entry& entry, const oci::Reference* name) const {
    if (!entry.source.empty()) {
      const oci::Reference source = oci::Reference::parse(entry.source);
      top.annotations["containerd.io/distribution.source." + source.domain()] = source.path();
    }
    if (!name) return;
    const oci::Reference tagged = name->with_default_tag();
    top.annotations["io.containerd.image.name"] = tagged.text();
    top.annotations["org.opencontainers.image.ref.name"] = tagged.tag();
  }

  void archive(const oci::Descriptor& manifest, const std::string& tag) {
    auto [at, fresh] = archived_.try_emplace(manifest.digest, layers_of_[manifest.digest]);
    if (fresh) order_.push_back(manifest.digest);
    if (!tag.empty()) at->second.tags.push_back(tag);
  }

  /// A tar member's size comes before its bytes; the layer's is counted by making it once.
  std::int64_t size_of(const base::Digest& diff_id) {
    std::int64_t& size = sizes_[diff_id];
    if (size >= 0) return size;
    size = 0;
    layers_.write_tar(
        diff_id, [&](std::string_view bytes) { size += static_cast<std::int64_t>(bytes.size()); });
    return size;
  }

  void measure() {
    for (auto& [diff_id, size] : sizes_) size_of(diff_id);
  }

  std::string archive_text() const {
    JsonArray list;
    for (const base::Digest& digest : order_) {
      const Archived& image = archived_.at(digest);
      JsonObject object;
      object["Config"] = blob_path(image.config);
      JsonArray tags;
      for (const std::string& tag : image.tags) tags.emplace_back(tag);
      object["RepoTags"] = tags.empty() ? Json(nullptr) : Json(std::move(tags));
      JsonArray layers;
      for (const base::Digest& layer : image.layers) layers.emplace_back(blob_path(layer));
      object["Layers"] = std::move(layers);
      list.emplace_back(std::move(object));
    }
    return base::to_text(list);
  }

  static std::string blob_path(const base::Digest& digest) {
    return "blobs/sha256/" + std::string(digest.hex());
  }

  void write() {
    if (!index_.empty()) {
      tar_.entry({.name = "blobs", .type = archive::Type::Directory, .mode = 0755});
      tar_.entry({.name = "blobs/sha256", .type = archive::Type::Directory, .mode = 0755});
    }
    for (const auto& [digest, text] : documents_) file(blob_path(digest), text, 0644);
    for (const auto& [diff_id, size] : sizes_) {
      tar_.entry(
          {.name = blob_path(diff_id), .mode = 0644, .size = static_cast<std::uint64_t>(size)});
      layers_.write_tar(diff_id, [&](std::string_view bytes) { tar_.content(bytes); });
    }
    file("index.json", index_text(index_.empty() ? Json(nullptr) : Json(index_)), 0644);
    if (!order_.empty()) file("manifest.json", archive_text(), 0644);
    file("oci-layout", R"({"imageLayoutVersion":"1.0.0"})", 0444);
    tar_.finish();
  }

  /// All times are 0: the same images give the same bytes.
  void file(const std::string& name, std::string_view text, mode_t mode) {
    tar_.entry({.name = name, .mode = mode, .size = text.size()}, text);
  }

  const Images& images_;
  const content::Blobs& blobs_;
  layer::Layers& layers_;
  const SaveRequest& request_;
  archive::TarWriter tar_;

  JsonArray index_;
  std::map<base::Digest, std::string> documents_;
  std::map<base::Digest, std::int64_t> sizes_;  ///< -1: not known yet.
  std::map<base::Digest, Archived> layers_of_;
  std::map<base::Digest, Archived> archived_;
  std::vector<base::Digest> order_;
};

}  // namespace

void save(const Images& images, const SaveRequest& request, const ByteSink& sink) {
  Save(images, request, sink).run();
}

}  // namespace wharf::image
