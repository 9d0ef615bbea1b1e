#include "image/push.h"

#include "base/error.h"
#include "base/ids.h"
#include "content/blobs.h"
#include "image/documents.h"
#include "image/packed_layer.h"
#include "layer/layers.h"

namespace wharf::image {
namespace {

using base::fail;
using base::Kind;

std::string gzip_type(const std::string& type) {
  const bool docker = type.starts_with("application/vnd.docker.");
  return std::string(docker ? oci::media::kDockerLayerGzip : oci::media::kOciLayerGzip);
}

class Push {
 public:
  Push(Images& images, const registry::Repository& repository, const PushRequest& request,
       const ProgressSink& progress)
      : images_(images),
        blobs_(images.stores().blobs),
        repository_(repository),
        request_(request),
        progress_(progress) {}

  void run(const oci::Reference& name) {
    const std::optional<Entry> entry = images_.catalog().by_name(name.text());
    if (!entry) fail(Kind::NotFound, "No such image: {}", name.familiar());
    const std::optional<oci::Descriptor> chosen =
        choose_available(blobs_, *entry, request_.platform);
    if (!chosen) {
      fail(Kind::NotFound, "image {} does not provide the platform {}", name.familiar(),
           request_.platform.value_or(oci::host_platform()).text());
    }
    oci::Manifest manifest = read_manifest(blobs_, *chosen);
    const std::string config_text = blobs_.read(manifest.config.digest);
    const std::vector<base::Digest> diff_ids = oci::parse_image_config(config_text).diff_ids();
    const std::vector<oci::Descriptor> before = manifest.layers;
    for (std::size_t i = 0; i < diff_ids.size(); ++i) {
      send_layer(manifest.layers[i], diff_ids[i], *entry);
    }
    send_config(manifest.config, config_text);
    const bool same = manifest.layers == before;
    const std::string text = same ? blobs_.read(chosen->digest) : oci::manifest_text(manifest);
    repository_.put_document(name.tag(), text, manifest.media_type);
    progress_({.status = fmt::format("{}: digest: {} size: {}", name.tag(),
                                     base::Sha256::of(text).text(), text.size())});
    images_.publish("push", entry->id, name.familiar_name(), name.familiar());
  }

 private:
  /// Brings one layer there; `layer` becomes what was sent.
  void send_layer(oci::Descriptor& layer, const base::Digest& diff_id, const Entry& entry) {
    if (layer.digest != diff_id) {
      if (repository_.has_blob(layer.digest)) return say(layer.digest, "Layer already exists");
      if (!entry.source.empty()) {
        const oci::Reference source = oci::Reference::parse(entry.source);
        const bool same_registry = source.domain() == request_.reference.domain();
        if (same_registry && repository_.mount_blob(layer.digest, source.path())) {
          return say(layer.digest, "Mounted from " + source.path());
        }
      }
    }
    const base::Digest shown = layer.digest;
    auto packed = packed_.find(diff_id);
    if (packed == packed_.end()) {
      say(shown, "Preparing");
      packed = packed_.try_emplace(diff_id, images_.stores().layers, diff_id).first;
    }
    layer.media_type = gzip_type(layer.media_type);
    layer.digest = packed->second.digest();
    layer.size_bytes = packed->second.bytes();
    if (repository_.has_blob(layer.digest)) return say(shown, "Layer already exists");
    say(shown, "Pushing");
    repository_.upload(layer, [&] { return packed->second.open(); });
    say(shown, "Pushed");
  }

  void send_config(const oci::Descriptor& config, const std::string& text) {
    if (repository_.has_blob(config.digest)) return;
    repository_.upload(config, [&]() -> registry::BodyBytes {
      return [&text, at = std::size_t{0}](std::span<char> into) mutable {
        const std::size_t n = text.copy(into.data(), into.size(), at);
        at += n;
        return n;
      };
    });
  }

  void say(const base::Digest& layer, const std::string& status) {
    progress_({.status = status, .id = base::short_id(layer.text())});
  }

  Images& images_;
  const content::Blobs& blobs_;
  const registry::Repository& repository_;
  const PushRequest& request_;
  const ProgressSink& progress_;
  std::map<base::Digest, PackedLayer> packed_;
};

/// The tags of the repository that are here, sorted.
std::vector<oci::Reference> names_to_push(const Images& images, const oci::Reference& wanted) {
  if (wanted.has_digest()) fail(Kind::InvalidArgument, "cannot push a digest reference");
  std::vector<oci::Reference> names;
  for (const Entry& entry : images.catalog().all()) {
    for (const std::string& text : entry.names) {
      const oci::Reference name = oci::Reference::parse(text);
      if (name.name() != wanted.name() || name.has_digest()) continue;
      if (!wanted.has_tag() || name.tag() == wanted.tag()) names.push_back(name);
    }
  }
  if (names.empty()) {
    fail(Kind::NotFound, "An image does not exist locally with the tag: {}",
         wanted.familiar_name());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

void push(Images& images, registry::Registry& registry, const PushRequest& request,
          const ProgressSink& progress, std::stop_token stop) {
  const std::vector<oci::Reference> names = names_to_push(images, request.reference);
  progress({.status = fmt::format("The push refers to repository [{}]",
                                  request.reference.familiar_name())});
  const registry::Repository repository =
      registry.repository(request.reference.trimmed(), request.credentials, std::move(stop));
  Push work(images, repository, request, progress);
  for (const oci::Reference& name : names) work.run(name);
}

}  // namespace wharf::image
