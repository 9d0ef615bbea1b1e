#include "image/images.h"

#include "base/error.h"
#include "base/log.h"
#include "content/blobs.h"
#include "image/documents.h"
#include "layer/layers.h"

namespace wharf::image {
namespace {

using base::fail;
using base::Kind;

std::string layer_owner(const base::Digest& id) {
  return "image:" + id.text();
}

template <class T>
void append_once(std::vector<T>& list, T value) {
  if (std::find(list.begin(), list.end(), value) == list.end()) list.push_back(std::move(value));
}

}  // namespace

Entry Images::find(std::string_view reference) const {
  const oci::AnyReference any = oci::parse_any_reference(reference);
  const auto missing = [&]() { fail(Kind::NotFound, "No such image: {}", any.shown()); };
  if (!any.name) {
    std::optional<Entry> entry = catalog_.by_id(any.digest);
    if (!entry) missing();
    return *entry;
  }
  if (any.name->has_digest()) {
    std::optional<Entry> entry = catalog_.by_id(any.name->digest());
    const auto same_repository = [&](const std::string& name) {
      return oci::Reference::parse(name).name() == any.name->name();
    };
    if (!entry || std::none_of(entry->names.begin(), entry->names.end(), same_repository))
      missing();
    return *entry;
  }
  if (std::optional<Entry> entry = catalog_.by_name(any.name->with_default_tag().text()))
    return *entry;
  if (const std::string_view prefix = oci::id_prefix(reference); !prefix.empty()) {
    std::vector<Entry> matching = catalog_.by_prefix(prefix, 2);
    if (matching.size() > 1) fail(Kind::NotFound, "ambiguous reference");
    if (matching.size() == 1) return std::move(matching.front());
  }
  missing();
  return {};
}

Image Images::open(const Entry& entry, const std::optional<oci::Platform>& platform) const {
  const content::Blobs& blobs = stores_.blobs;
  const std::optional<oci::Descriptor> chosen = choose_available(blobs, entry, platform);
  if (!chosen) {
    const std::string shown = entry.names.empty() ? entry.id.text() : familiar(entry.names.front());
    fail(Kind::NotFound,
         "image with reference {} was found but does not provide the specified platform ({})",
         shown, platform.value_or(oci::host_platform()).text());
  }
  const oci::Manifest manifest = read_manifest(blobs, *chosen);
  Image image;
  image.id = entry.id;
  image.id_bytes = entry.bytes;
  image.media_type = entry.media_type;
  image.manifest = chosen->digest;
  image.config_digest = manifest.config.digest;
  image.config = oci::parse_image_config(blobs.read(manifest.config.digest));
  image.diff_ids = image.config.diff_ids();
  image.platform = image.config.platform();
  image.created = image.config.created_time();
  image.parent = entry.parent;
  image.last_tagged = entry.last_tagged;
  image.size_bytes = entry.bytes + manifest.config.size_bytes;
  for (const base::Digest& diff_id : image.diff_ids) {
    image.size_bytes += static_cast<std::int64_t>(stores_.layers.info(diff_id).size);
  }
  for (const std::string& name : entry.names) {
    const oci::Reference reference = oci::Reference::parse(name);
    append_once(image.repo_tags, reference.familiar());
    append_once(image.repo_digests, reference.trimmed().with_digest(entry.id).familiar());
  }
  return image;
}

Image Images::resolve(std::string_view reference,
                      const std::optional<oci::Platform>& platform) const {
  return open(find(reference), platform);
}

base::Digest Images::resolve_id(std::string_view reference) const {
  return find(reference).id;
}

Image Images::get(const base::Digest& id, const std::optional<oci::Platform>& platform) const {
  const std::optional<Entry> entry = catalog_.by_id(id);
  if (!entry) fail(Kind::NotFound, "No such image: {}", id.text());
  return open(*entry, platform);
}

std::vector<User> Images::users_of(const base::Digest& id) const {
  return users_ ? users_->users_of(id) : std::vector<User>{};
}

void Images::publish(std::string_view action, const base::Digest& id, const std::string& name,
                     std::string_view actor) const {
  base::Event event{.type = "image", .action = std::string(action), .id = id.text()};
  if (!actor.empty()) event.id = actor;
  try {
    // Docker: "untag" and "delete" come when the config may be gone, and have no labels.
    if (action != "untag" && action != "delete") {
      const Image image = get(id);
      if (image.config.config.labels) event.attributes = *image.config.config.labels;
    }
  } catch (const base::Error& error) {
    base::log_warn("image {}: event {} without labels: {}", id.text(), action, error.what());
  }
  if (!name.empty()) event.attributes["name"] = name;
  stores_.events.publish(std::move(event));
}

void Images::tag(std::string_view source, const oci::Reference& name) {
  const base::Digest id = resolve_id(source);
  stores_.database.write([&](store::Transaction& transaction) {
    if (!transaction.query("SELECT 1 FROM images WHERE id = ?", {id.text()}).next()) {
      fail(Kind::NotFound, "No such image: {}", source);
    }
    Catalog::name(transaction, name.text(), id);
  });
  publish("tag", id, name.familiar());
}

Record Images::examine(const base::Digest& id, const std::string& media_type,
                       const std::set<base::Digest>& verified) const {
  std::set<base::Digest> here = verified;
  if (const std::optional<Entry> before = catalog_.by_id(id)) {
    here.insert(before->documents.begin(), before->documents.end());
  }
  return record_of(id, media_type, here);
}

Record Images::record_of(const base::Digest& id, const std::string& media_type,
                         const std::set<base::Digest>& here) const {
  const content::Blobs& blobs = stores_.blobs;
  Record record{.id = id, .media_type = media_type};
  record.bytes = static_cast<std::int64_t>(blobs.size(id));
  record.documents.push_back(id);
  for (const oci::Descriptor& descriptor :
       manifests_below(blobs, {.media_type = media_type, .digest = id})) {
    if (!here.contains(descriptor.digest)) continue;
    const oci::Manifest manifest = read_manifest(blobs, descriptor);
    append_once(record.documents, descriptor.digest);
    append_once(record.documents, manifest.config.digest);
    if (!manifest.is_image() || oci::is_attestation(descriptor)) continue;
    const oci::ImageConfig config = oci::parse_image_config(blobs.read(manifest.config.digest));
    for (const base::Digest& diff_id : config.diff_ids()) append_once(record.diff_ids, diff_id);
  }
  return record;
}

void Images::add(const Record& record, const std::vector<oci::Reference>& names) {
  stores_.database.write([&](store::Transaction& transaction) {
    Catalog::put(transaction, record);
    stores_.layers.hold(transaction, layer_owner(record.id), record.diff_ids);
    for (const oci::Reference& name : names) Catalog::name(transaction, name.text(), record.id);
  });
}

std::uint64_t Images::collect() {
  // A new database in the place of a damaged one knows nothing: then nothing is garbage.
  if (stores_.database.set_aside()) return 0;
  const std::vector<base::Digest> needed = catalog_.documents();
  const std::set<base::Digest> wanted(needed.begin(), needed.end());
  const auto is_wanted = [&](const base::Digest& digest) { return wanted.contains(digest); };
  return stores_.blobs.collect(is_wanted) + stores_.layers.collect();
}

}  // namespace wharf::image
