// `docker rmi` and `docker image prune`: untagging, deleting, and what stands against it.
#include "base/error.h"
#include "base/ids.h"
#include "image/documents.h"
#include "image/filter.h"
#include "image/images.h"
#include "layer/layers.h"

namespace wharf::image {
namespace {

using base::fail;
using base::Kind;

enum class Cure { Force, None };

[[noreturn]] void conflict(const std::string& what, Cure cure, const std::string& why) {
  fail(Kind::Conflict, "conflict: unable to delete {} ({}) - {}", what,
       cure == Cure::Force ? "must be forced" : "cannot be forced", why);
}

/// The names that go when the user names one: that one, and where it is the last tag of its
/// repository, the digests of that repository too.
std::vector<std::string> same_references(const oci::Reference& wanted,
                                         const std::vector<std::string>& names) {
  std::vector<std::string> same;
  std::vector<std::string> digests;
  bool other_tags = false;
  for (const std::string& name : names) {
    const oci::Reference reference = oci::Reference::parse(name);
    if (reference.name() != wanted.name()) continue;
    if (reference.has_digest()) {
      digests.push_back(name);
    } else if (wanted.has_digest() || reference.tag() == wanted.tag()) {
      same.push_back(name);
    } else {
      other_tags = true;
    }
  }
  if (!other_tags) same.insert(same.end(), digests.begin(), digests.end());
  return same;
}

bool names_the_id(std::string_view reference, const base::Digest& id) {
  const std::string_view prefix = oci::id_prefix(reference);
  return !prefix.empty() && id.hex().starts_with(prefix);
}

}  // namespace

std::vector<Removed> Images::untag(const base::Digest& id, const std::vector<std::string>& names) {
  stores_.database.write([&](store::Transaction& transaction) {
    for (const std::string& name : names) Catalog::unname(transaction, name);
  });
  std::vector<Removed> removed;
  for (const std::string& name : names) {
    removed.push_back({.untagged = familiar(name)});
    publish("untag", id, removed.back().untagged);
  }
  return removed;
}

std::vector<Removed> Images::delete_image(const Entry& entry, bool force) {
  const std::string short_id = base::short_id(entry.id.text());
  for (const User& user : users_of(entry.id)) {
    const std::string container = base::short_id(user.container_id);
    if (user.running)
      conflict(short_id, Cure::None, "image is being used by running container " + container);
    if (!force)
      conflict(short_id, Cure::Force, "image is being used by stopped container " + container);
  }
  stores_.database.write([&](store::Transaction& transaction) {
    stores_.layers.release(transaction, "image:" + entry.id.text());
    Catalog::remove(transaction, entry.id);
  });
  std::vector<Removed> removed;
  for (const std::string& name : entry.names) {
    removed.push_back({.untagged = familiar(name)});
    publish("untag", entry.id, removed.back().untagged);
  }
  removed.push_back({.deleted = entry.id.text()});
  publish("delete", entry.id, entry.id.text());
  if (users_) users_->image_removed(entry.id);
  return removed;
}

std::vector<Removed> Images::remove_platforms(const Entry& entry,
                                              const std::vector<oci::Platform>& platforms) {
  std::set<base::Digest> here(entry.documents.begin(), entry.documents.end());
  std::vector<Removed> removed;
  for (const oci::Platform& platform : platforms) {
    const std::optional<oci::Descriptor> manifest =
        choose_available(stores_.blobs, entry, platform);
    if (!manifest || !here.erase(manifest->digest)) {
      fail(Kind::NotFound, "image {} does not provide the platform {}", entry.id.text(),
           platform.text());
    }
    if (manifest->digest == entry.id) {
      fail(Kind::Conflict, "conflict: unable to delete {} (cannot be forced) - it has one platform",
           base::short_id(entry.id.text()));
    }
    removed.push_back({.deleted = manifest->digest.text()});
  }
  if (!users_of(entry.id).empty()) {
    conflict(base::short_id(entry.id.text()), Cure::None, "image is being used by a container");
  }
  Record record = record_of(entry.id, entry.media_type, here);
  record.source = entry.source;
  record.parent = entry.parent;
  add(record, {});
  collect();
  return removed;
}

std::vector<Removed> Images::remove(std::string_view reference, const RemoveOptions& options) {
  const Entry entry = find(reference);
  if (!options.platforms.empty()) return remove_platforms(entry, options.platforms);
  if (names_the_id(reference, entry.id)) {
    if (entry.names.size() > 1 && !options.force) {
      conflict(base::short_id(entry.id.text()), Cure::Force,
               "image is referenced in multiple repositories");
    }
    std::vector<Removed> removed = delete_image(entry, options.force);
    collect();
    return removed;
  }
  const oci::Reference wanted = oci::parse_any_reference(reference).name.value().with_default_tag();
  const std::vector<std::string> same = same_references(wanted, entry.names);
  if (same.size() != entry.names.size()) return untag(entry.id, same);

  const std::vector<User> users = users_of(entry.id);
  if (!users.empty()) {
    // Docker: without its last name the image would dangle under the container.
    if (!options.force) {
      conflict(
          wanted.familiar(), Cure::Force,
          fmt::format("container {} is using its referenced image {}",
                      base::short_id(users.front().container_id), base::short_id(entry.id.text())));
    }
    return untag(entry.id, same);
  }
  std::vector<Removed> removed = delete_image(entry, options.force);
  collect();
  return removed;
}

PruneReport Images::prune(const base::Filters& filters) {
  filters.require_known({"dangling", "label", "label!", "until"});
  const bool dangling_only = filters.boolean("dangling", true);
  const Filter filter(filters, base::now());
  PruneReport report;
  for (const Entry& entry : catalog_.all()) {
    if (dangling_only && !entry.names.empty()) continue;
    if (!users_of(entry.id).empty()) continue;
    oci::Labels labels;
    base::Time created;
    try {
      const Image image = open(entry, {});
      labels = image.config.config.labels.value_or(oci::Labels{});
      created = image.created;
    } catch (const base::Error&) {
      // Damaged: pruned unless a filter needs to look inside.
      if (filters.contains("label") || filters.contains("until")) continue;
    }
    if (!filter.labels(labels) || !filter.age(created)) continue;
    std::vector<Removed> removed = delete_image(entry, false);
    report.removed.insert(report.removed.end(), removed.begin(), removed.end());
  }
  report.space_reclaimed = collect();
  // What unfinished pulls left has neither labels nor an age that a filter means.
  const bool all =
      !filters.contains("label") && !filters.contains("label!") && !filters.contains("until");
  if (all) report.space_reclaimed += stores_.blobs.partials().collect();
  return report;
}

}  // namespace wharf::image
