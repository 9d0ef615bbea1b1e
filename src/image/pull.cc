#include "image/pull.h"

#include "base/error.h"
#include "base/log.h"
#include "content/blobs.h"
#include "image/documents.h"
#include "image/fetch.h"
#include "layer/layers.h"

namespace wharf::image {
namespace {

using base::Error;
using base::fail;
using base::Kind;

/// One tag or digest being pulled.
class Pull {
 public:
  Pull(Images& images, registry::Registry& registry, const PullRequest& request,
       const ProgressSink& progress, std::stop_token stop)
      : images_(images),
        blobs_(images.stores().blobs),
        reference_(request.reference),
        wanted_(request.platform.value_or(oci::host_platform())),
        asked_platform_(request.platform.has_value()),
        progress_(progress),
        stop_(std::move(stop)),
        repository_(registry.repository(reference_.trimmed(), request.credentials, stop_)),
        concurrency_(registry.settings().max_concurrent_downloads),
        lease_(blobs_.lease()) {}

  void run() {
    const std::optional<Entry> before = images_.catalog().by_name(name().text());
    if (before && is_current(*before)) {
      say_begin();
      say_end(before->id, false);
      return;
    }
    const registry::FetchedDocument top = repository_.document(asked());
    say_begin();
    const oci::Document document = oci::parse_document(top.bytes, top.content_type);
    blobs_.put(top.bytes, top.digest);
    const std::string type = std::visit([](const auto& d) { return d.media_type; }, document);
    const oci::Descriptor chosen =
        choose_manifest(document, {.media_type = type, .digest = top.digest});
    const bool fresh = !before || before->id != top.digest || !holds(*before, chosen.digest);
    if (fresh) take(chosen, top.digest, type);
    say_end(top.digest, fresh);
  }

 private:
  /// A pull by digest never moves a tag (threats A43).
  oci::Reference name() const {
    return reference_.has_digest() ? reference_.trimmed().with_digest(reference_.digest())
                                   : reference_;
  }

  std::string asked() const {
    return reference_.has_digest() ? reference_.digest().text() : reference_.tag();
  }

  static bool holds(const Entry& entry, const base::Digest& manifest) {
    return std::find(entry.documents.begin(), entry.documents.end(), manifest) !=
           entry.documents.end();
  }

  /// Asks with HEAD first: registries count only GET against the limits of their users.
  bool is_current(const Entry& entry) const {
    const std::optional<oci::Descriptor> now = repository_.head(asked());
    if (!now || now->digest != entry.id) return false;
    if (asked_platform_) return choose_available(blobs_, entry, wanted_).has_value();
    return choose_available(blobs_, entry, {}).has_value();
  }

  oci::Descriptor choose_manifest(oci::Document document, oci::Descriptor at) {
    for (int depth = 0; std::holds_alternative<oci::Index>(document); ++depth) {
      if (depth >= kIndexDepthLimit)
        fail(Kind::InvalidArgument, "image index: nested deeper than {}", kIndexDepthLimit);
      const oci::Descriptor* entry = oci::choose(std::get<oci::Index>(document), wanted_);
      if (!entry) {
        fail(Kind::NotFound, "no matching manifest for {} in the manifest list entries",
             wanted_.text());
      }
      at = *entry;
      document = oci::parse_document(fetch_document(at), at.media_type);
    }
    return at;
  }

  std::string fetch_document(const oci::Descriptor& descriptor) {
    if (blobs_.has(descriptor.digest)) return blobs_.read(descriptor.digest);
    const registry::FetchedDocument fetched = repository_.document(descriptor.digest.text());
    if (static_cast<std::int64_t>(fetched.bytes.size()) != descriptor.size_bytes) {
      fail(Kind::InvalidArgument, "manifest {}: {} bytes, but the index says {}",
           descriptor.digest.text(), fetched.bytes.size(), descriptor.size_bytes);
    }
    blobs_.put(fetched.bytes, descriptor.digest);
    return fetched.bytes;
  }

  void take(const oci::Descriptor& chosen, const base::Digest& top, const std::string& type) {
    const oci::Manifest manifest = read_manifest(blobs_, chosen);
    if (!manifest.is_image()) {
      fail(Kind::InvalidArgument, "{} is not an image: its config is {}", reference_.familiar(),
           manifest.config.media_type);
    }
    std::string config_text = blobs_.has(manifest.config.digest)
                                  ? blobs_.read(manifest.config.digest)
                                  : repository_.small_blob(manifest.config, oci::kImageConfigLimit);
    const oci::ImageConfig config = oci::parse_image_config(config_text);
    blobs_.put(config_text, manifest.config.digest);

    LayerFetch fetch(images_.stores(), repository_, progress_, stop_);
    const std::vector<layer::Pin> pins = fetch.run(manifest, config, concurrency_);
    images_.stores().layers.commit(pins);
    fetch.forget_kept();
    Record record = images_.examine(top, type, {chosen.digest});
    record.source = reference_.name();
    images_.add(record, {name()});
  }

  void say_begin() {
    // Docker: a tag is shown alone, a digest with the whole name.
    const std::string id = reference_.has_digest() ? name().familiar() : reference_.tag();
    progress_({.status = "Pulling from " + reference_.path(), .id = id});
  }

  void say_end(const base::Digest& id, bool fresh) {
    progress_({.status = "Digest: " + id.text()});
    progress_({.status = fmt::format("Status: {} for {}",
                                     fresh ? "Downloaded newer image" : "Image is up to date",
                                     name().familiar())});
  }

  Images& images_;
  content::Blobs& blobs_;
  oci::Reference reference_;
  oci::Platform wanted_;
  bool asked_platform_;
  const ProgressSink& progress_;
  std::stop_token stop_;
  registry::Repository repository_;
  int concurrency_;
  content::Lease lease_;
};

void pull_one(Images& images, registry::Registry& registry, const PullRequest& request,
              const ProgressSink& progress, std::stop_token stop) {
  try {
    Pull(images, registry, request, progress, std::move(stop)).run();
  } catch (...) {
    // What was fetched before the failure belongs to nobody: give it back now.
    try {
      images.collect();
    } catch (const Error& error) {
      base::log_warn("after a failed pull: {}", error.what());
    }
    throw;
  }
}

/// Docker: never 401, at which its clients would ask for a password. A repository that one may not
/// see does not exist.
[[noreturn]] void refused(const oci::Reference& reference, std::string_view why) {
  if (why != "no basic auth credentials") fail(Kind::NotFound, "{}", why);
  fail(Kind::Internal,
       "failed to resolve reference \"{}\": pull access denied, repository does not exist or may "
       "require authorization: authorization failed: {}",
       reference.text(), why);
}

}  // namespace

void pull(Images& images, registry::Registry& registry, const PullRequest& request,
          const ProgressSink& progress, std::stop_token stop) {
  try {
    std::vector<std::string> tags = {request.reference.tag()};
    if (request.reference.name_only()) {
      tags = registry.repository(request.reference, request.credentials, stop).tags();
    }
    for (const std::string& tag : tags) {
      PullRequest one = request;
      if (!tag.empty() && !one.reference.has_digest()) one.reference = one.reference.with_tag(tag);
      pull_one(images, registry, one, progress, stop);
    }
  } catch (const Error& error) {
    if (error.kind() == Kind::Unauthorized) refused(request.reference, error.what());
    // Docker: a registry that cannot be reached is the daemon's failure, 500, not 503.
    if (error.kind() != Kind::Unavailable) throw;
    fail(Kind::Internal, "failed to resolve reference \"{}\": {}", request.reference.text(),
         error.what());
  }
  const std::string shown = request.reference.familiar();
  base::Digest id;
  try {
    id = images.resolve_id(shown);
  } catch (const Error&) {
    return;  // Every tag was pulled, but none is called "latest".
  }
  images.publish("pull", id, request.reference.familiar_name(), shown);
}

}  // namespace wharf::image
