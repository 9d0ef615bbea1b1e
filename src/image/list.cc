// `docker images`, `docker history`, and the manifests of one image.
#include "base/error.h"
#include "base/log.h"
#include "content/blobs.h"
#include "image/documents.h"
#include "image/filter.h"
#include "image/images.h"
#include "layer/layers.h"

namespace wharf::image {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::int64_t seconds(base::Time time) {
  return time.is_zero() ? 0 : time.unix_ns / kSecond;
}

}  // namespace

Summary Images::summarize(const Entry& entry, const ListOptions& options) const {
  Summary summary;
  summary.id = entry.id;
  summary.media_type = entry.media_type;
  summary.id_bytes = entry.bytes;
  try {
    Image image = open(entry, {});
    summary.repo_tags = std::move(image.repo_tags);
    summary.repo_digests = std::move(image.repo_digests);
    summary.created_s = seconds(image.created);
    summary.size_bytes = image.size_bytes;
    summary.labels = image.config.config.labels.value_or(oci::Labels{});
    if (options.manifests) summary.manifests = manifests(entry.id);
  } catch (const base::Error& error) {
    // What is damaged is still listed, so that it can be seen and removed.
    base::log_warn("image {}: {}", entry.id.text(), error.what());
    for (const std::string& name : entry.names) summary.repo_tags.push_back(familiar(name));
  }
  summary.containers = static_cast<std::int64_t>(users_of(entry.id).size());
  return summary;
}

std::vector<Summary> Images::list(const ListOptions& options) const {
  const base::Filters& filters = options.filters;
  filters.require_known({"before", "dangling", "label", "label!", "reference", "since", "until"});
  const Filter filter(filters, base::now());
  const bool asks_dangling = filters.contains("dangling");
  const bool dangling = filters.boolean("dangling", false);
  std::optional<base::Time> before;
  std::optional<base::Time> since;
  for (const std::string& name : filters.get("before")) {
    const base::Time created = resolve(name).created;
    if (!before || created < *before) before = created;
  }
  for (const std::string& name : filters.get("since")) {
    const base::Time created = resolve(name).created;
    if (!since || created > *since) since = created;
  }

  std::vector<Summary> out;
  for (Entry& entry : catalog_.all()) {
    if (asks_dangling && dangling != entry.names.empty()) continue;
    entry.names = filter.names(entry.names);
    if (filters.contains("reference") && entry.names.empty()) continue;
    Summary summary = summarize(entry, options);
    const base::Time created{summary.created_s * kSecond};
    if (!filter.labels(summary.labels) || !filter.age(created)) continue;
    if (before && summary.created_s >= seconds(*before)) continue;
    if (since && summary.created_s <= seconds(*since)) continue;
    out.push_back(std::move(summary));
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Summary& a, const Summary& b) { return a.created_s > b.created_s; });
  if (options.shared_size) fill_shared_sizes(out);
  return out;
}

void Images::fill_shared_sizes(std::vector<Summary>& summaries) const {
  std::map<base::Digest, int> uses;
  std::map<base::Digest, std::vector<base::Digest>> layers;
  for (const Entry& entry : catalog_.all()) {
    try {
      layers[entry.id] = open(entry, {}).diff_ids;
    } catch (const base::Error&) {
      continue;  // summarize() has said it.
    }
    for (const base::Digest& diff_id : layers[entry.id]) ++uses[diff_id];
  }
  for (Summary& summary : summaries) {
    summary.shared_bytes = 0;
    for (const base::Digest& diff_id : layers[summary.id]) {
      if (uses[diff_id] > 1)
        summary.shared_bytes += static_cast<std::int64_t>(stores_.layers.info(diff_id).size);
    }
  }
}

ManifestSummary Images::describe(const Entry& entry, const oci::Descriptor& manifest) const {
  ManifestSummary out;
  out.descriptor = manifest;
  out.kind = oci::is_attestation(manifest) ? "attestation" : "image";
  out.available = std::find(entry.documents.begin(), entry.documents.end(), manifest.digest) !=
                  entry.documents.end();
  if (manifest.platform) out.platform = *manifest.platform;
  const auto attests = manifest.annotations.find("vnd.docker.reference.digest");
  if (attests != manifest.annotations.end() && base::Digest::valid(attests->second)) {
    out.attests = base::Digest::parse(attests->second);
  }
  if (!out.available) return out;
  const oci::Manifest read = read_manifest(stores_.blobs, manifest);
  out.content_bytes = manifest.size_bytes + read.config.size_bytes;
  if (out.kind != "image") return out;
  if (!read.is_image()) {
    out.kind = "unknown";
    return out;
  }
  const oci::ImageConfig config = oci::parse_image_config(stores_.blobs.read(read.config.digest));
  out.platform = config.platform();
  for (const base::Digest& diff_id : config.diff_ids()) {
    out.unpacked_bytes += static_cast<std::int64_t>(stores_.layers.info(diff_id).size);
  }
  for (const User& user : users_of(entry.id)) out.container_ids.push_back(user.container_id);
  return out;
}

std::vector<ManifestSummary> Images::manifests(const base::Digest& id) const {
  std::vector<ManifestSummary> out;
  const std::optional<Entry> entry = catalog_.by_id(id);
  if (!entry) return out;
  const oci::Descriptor top{
      .media_type = entry->media_type, .digest = entry->id, .size_bytes = entry->bytes};
  for (const oci::Descriptor& manifest : manifests_below(stores_.blobs, top)) {
    out.push_back(describe(*entry, manifest));
  }
  return out;
}

std::vector<HistoryItem> Images::history(std::string_view reference,
                                         const std::optional<oci::Platform>& platform) const {
  const Image image = resolve(reference, platform);
  std::vector<HistoryItem> out;
  std::size_t next_layer = 0;
  for (const oci::History& step : image.config.history) {
    HistoryItem item;
    if (!step.created.empty()) item.created_s = seconds(base::parse_rfc3339(step.created));
    item.created_by = step.created_by;
    item.comment = step.comment;
    // A history that names more layers than there are is a picture of nothing: size 0.
    if (!step.empty_layer && next_layer < image.diff_ids.size()) {
      item.size_bytes =
          static_cast<std::int64_t>(stores_.layers.info(image.diff_ids[next_layer++]).size);
    }
    out.push_back(std::move(item));
  }
  std::reverse(out.begin(), out.end());
  if (!out.empty()) {
    out.front().id = image.id.text();
    out.front().tags = image.repo_tags;
  }
  return out;
}

}  // namespace wharf::image
