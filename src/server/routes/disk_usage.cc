// What images, containers and volumes take on disk.
//
// Two shapes: lists by name (before 1.52, and after unless verbose=1), and since 1.52 a summary
// of each kind, with the objects only when verbose=1.
#include "server/routes/disk_usage.h"

#include <set>

#include "base/strings.h"
#include "engine/engine.h"
#include "server/exchange.h"
#include "server/routes/describe.h"

namespace wharf::server {
namespace {

using base::fail;
using base::Json;
using base::JsonArray;
using base::JsonObject;
using base::Kind;
using engine::Engine;

/// One kind of objects: Docker leaves out what is zero.
struct Usage {
  JsonArray items;
  std::int64_t active = 0;
  std::int64_t total_bytes = 0;
  std::int64_t reclaimable_bytes = 0;

  JsonObject json(bool verbose) const {
    JsonObject object;
    if (active != 0) object["ActiveCount"] = active;
    if (verbose && !items.empty()) object["Items"] = items;
    if (reclaimable_bytes != 0) object["Reclaimable"] = reclaimable_bytes;
    if (!items.empty()) object["TotalCount"] = items.size();
    if (total_bytes != 0) object["TotalSize"] = total_bytes;
    return object;
  }
};

Usage image_usage(Engine& engine, api::Version version) {
  Usage usage;
  std::set<base::Digest> layers;
  std::set<base::Digest> used;
  image::ListOptions options;
  options.shared_size = true;
  for (const image::Summary& image : engine.images.list(options)) {
    usage.items.push_back(api::to_json(describe(image), version));
    if (image.containers > 0) ++usage.active;
    for (const base::Digest& layer : engine.images.get(image.id).diff_ids) {
      layers.insert(layer);
      if (image.containers > 0) used.insert(layer);
    }
  }
  // A layer that several images share is there once.
  for (const base::Digest& layer : layers) {
    const auto bytes = static_cast<std::int64_t>(engine.layers.info(layer).size);
    usage.total_bytes += bytes;
    if (!used.contains(layer)) usage.reclaimable_bytes += bytes;
  }
  return usage;
}

Usage container_usage(Engine& engine) {
  Usage usage;
  container::ListOptions options;
  options.all = true;
  options.size = true;
  for (const api::ContainerSummary& summary : engine.containers.list(options)) {
    base::Json item = api::to_json(summary);
    // Docker: a size that was asked for is there, also when it is 0.
    item.get_object()["SizeRw"] = summary.size_rw;
    usage.items.push_back(std::move(item));
    usage.total_bytes += summary.size_rw;
    const bool active =
        summary.state == "running" || summary.state == "paused" || summary.state == "restarting";
    if (active) ++usage.active;
    if (!active) usage.reclaimable_bytes += summary.size_rw;
  }
  return usage;
}

Usage volume_usage(Engine& engine) {
  Usage usage;
  for (const volume::Volume& volume : engine.volumes.list()) {
    api::VolumeInfo info = describe(volume);
    const auto bytes = static_cast<std::int64_t>(engine.volumes.size_bytes(volume.name));
    info.usage_data = api::VolumeUsage{bytes, static_cast<std::int64_t>(volume.containers.size())};
    usage.items.push_back(api::to_json(info));
    usage.total_bytes += bytes;
    if (!volume.containers.empty()) ++usage.active;
    if (volume.containers.empty()) usage.reclaimable_bytes += bytes;
  }
  return usage;
}

Usage build_usage(Engine& engine) {
  Usage usage;
  for (const build::CacheRecord& record : engine.builder.cache().list()) {
    usage.items.push_back({{"ID", record.id},
                           {"Type", record.type},
                           {"Description", record.description},
                           {"InUse", record.in_use},
                           {"Shared", record.shared},
                           {"Size", record.size_bytes},
                           {"CreatedAt", base::rfc3339_nano(record.created)},
                           {"LastUsedAt", base::rfc3339_nano(record.last_used)},
                           {"UsageCount", record.usage_count}});
    // Docker: what an image has as well is counted with the image.
    if (!record.shared) usage.total_bytes += record.size_bytes;
    if (record.in_use) ++usage.active;
    if (!record.in_use && !record.shared) usage.reclaimable_bytes += record.size_bytes;
  }
  return usage;
}

/// The parameter "type", which may be repeated; all kinds without it, and always before 1.42.
std::set<std::string> wanted_kinds(const Exchange& exchange) {
  const std::set<std::string> all = {"container", "image", "volume", "build-cache"};
  const std::vector<std::string> given = exchange.query().all("type");
  if (exchange.before(42) || given.empty()) return all;
  for (const std::string& kind : given) {
    if (!all.contains(kind)) fail(Kind::InvalidArgument, "unknown object type: {}", kind);
  }
  return {given.begin(), given.end()};
}

}  // namespace

void disk_usage(Engine& engine, Exchange& exchange) {
  const std::set<std::string> kinds = wanted_kinds(exchange);
  const bool summaries = !exchange.before(52);
  const bool verbose = summaries && exchange.flag("verbose");
  JsonObject answer;
  const auto add = [&](const char* list, const char* summary, const Usage& usage) {
    if (!verbose) answer[list] = usage.items;
    if (summaries) answer[summary] = usage.json(verbose);
  };
  if (kinds.contains("image")) {
    const Usage usage = image_usage(engine, exchange.version());
    if (!verbose) answer["LayersSize"] = usage.total_bytes;
    add("Images", "ImageUsage", usage);
  }
  if (kinds.contains("container")) add("Containers", "ContainerUsage", container_usage(engine));
  if (kinds.contains("volume")) add("Volumes", "VolumeUsage", volume_usage(engine));
  if (kinds.contains("build-cache")) {
    const Usage usage = build_usage(engine);
    add("BuildCache", "BuildCacheUsage", usage);
    if (exchange.before(44)) answer["BuilderSize"] = usage.total_bytes;
  }
  exchange.reply(200, answer);
}

}  // namespace wharf::server
