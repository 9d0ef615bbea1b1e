#include "image/push.h"

#include "base/error.h"
#include "content/blobs.h"
#include "image/documents.h"
#include "image/layer_push.h"
#include "layer/layers.h"

namespace wharf::image {
namespace {

using base::fail;
using base::Kind;

class Push {
 public:
  Push(Images& images, registry::Registry& registry, const PushRequest& request,
       const ProgressSink& progress, std::stop_token stop)
      : images_(images),
        blobs_(images.stores().blobs),
        registry_(registry),
        repository_(registry.repository(request.reference.trimmed(), request.credentials, stop)),
        request_(request),
        progress_(progress),
        stop_(std::move(stop)) {}

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
    if (diff_ids.size() != manifest.layers.size())
      fail(Kind::Internal, "image {}: its config has other layers", name.familiar());
    const PushTarget target = target_of(*entry);
    LayerPush(images_.stores(), target, progress_, stop_)
        .run(manifest, diff_ids, registry_.settings().max_concurrent_uploads);
    send_config(manifest.config, config_text);
    const bool same = manifest.layers == before;
    const std::string text = same ? blobs_.read(chosen->digest) : oci::manifest_text(manifest);
    repository_.put_document(name.tag(), text, manifest.media_type);
    progress_({.status = fmt::format("{}: digest: {} size: {}", name.tag(),
                                     base::Sha256::of(text).text(), text.size())});
    images_.publish("push", entry->id, name.familiar_name(), name.familiar());
  }

 private:
  PushTarget target_of(const Entry& entry) {
    PushTarget target{repository_, request_.reference.domain(), {}, {}};
    if (entry.source.empty()) return target;
    target.source_name = oci::Reference::parse(entry.source);
    // The client's password is for the registry it pushes to, and is sent to no other.
    const bool same = target.source_name.domain() == target.domain;
    target.source = registry_.repository(
        target.source_name, same ? request_.credentials : registry::Credentials(), stop_);
    return target;
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

  Images& images_;
  const content::Blobs& blobs_;
  registry::Registry& registry_;
  registry::Repository repository_;
  const PushRequest& request_;
  const ProgressSink& progress_;
  std::stop_token stop_;
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
  Push work(images, registry, request, progress, std::move(stop));
  for (const oci::Reference& name : names) work.run(name);
}

}  // namespace wharf::image
