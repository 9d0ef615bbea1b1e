// /volumes: create, inspect, list, remove, prune; update of what only a cluster has.
#include "volume/volumes.h"

#include "api/volume.h"
#include "base/strings.h"
#include "engine/engine.h"
#include "server/exchange.h"
#include "server/route.h"
#include "server/routes/describe.h"

namespace wharf::server {
namespace {

using base::fail;
using base::Kind;
using engine::Engine;
using volume::Volume;

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

/// Docker: this list alone says which filters could not be read.
base::Filters list_filters(const Exchange& exchange) {
  try {
    return exchange.filters();
  } catch (const base::Error& error) {
    fail(Kind::InvalidArgument, "error reading volume filters: {}", error.what());
  }
}

void list(Engine& engine, Exchange& exchange) {
  const base::Filters filters = list_filters(exchange);
  filters.require_known({"dangling", "driver", "label", "name"});
  std::optional<bool> dangling;
  if (filters.contains("dangling")) dangling = filters.boolean("dangling", false);
  api::VolumeListResponse response;
  for (const Volume& volume : engine.volumes.list()) {
    const bool shown = filters.matches("name", volume.name) &&
                       filters.exact("driver", volume.driver) &&
                       filters.labels("label", volume.labels.value_or(volume::Labels{})) &&
                       (!dangling || *dangling == volume.containers.empty());
    if (shown) response.volumes.push_back(describe(volume));
  }
  exchange.reply(200, to_json(response));
}

void inspect(Engine& engine, Exchange& exchange) {
  exchange.reply(200, to_json(describe(engine.volumes.inspect(exchange.variable("name")))));
}

void create(Engine& engine, Exchange& exchange) {
  api::VolumeCreateRequest request;
  exchange.read_json([&](const base::Json& json) { from_json(json, request); });
  if (!request.cluster_volume_spec.is_null() && !exchange.before(42)) {
    fail(Kind::Unavailable,
         "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to "
         "connect this node to swarm and try again.");
  }
  const Volume volume =
      engine.volumes.create({request.name, request.driver, request.driver_opts, request.labels});
  exchange.reply(201, to_json(describe(volume)));
}

void update(Engine&, Exchange&) {
  fail(Kind::Unavailable, "volume update only valid for cluster volumes, but swarm is unavailable");
}

void remove(Engine& engine, Exchange& exchange) {
  engine.volumes.remove(exchange.variable("name"), exchange.flag("force"));
  exchange.reply(204);
}

/// Whether named volumes go as well: always before 1.42, since then with all=true.
bool prunes_named(const Exchange& exchange, const base::Filters& filters) {
  bool all = exchange.before(42);
  for (const std::string& value : filters.get("all")) {
    if (value == "1" || base::lower(value) == "true" || value == "t" || value == "T") {
      all = true;
    } else if (value != "0" && base::lower(value) != "false" && value != "f" && value != "F") {
      fail(Kind::InvalidArgument,
           "invalid filter 'all': strconv.ParseBool: parsing {}: invalid syntax",
           base::quoted(value));
    }
  }
  return all;
}

void prune(Engine& engine, Exchange& exchange) {
  const base::Filters filters = exchange.filters();
  filters.require_known({"all", "label", "label!"});
  const bool named = prunes_named(exchange, filters);
  const auto pruned = engine.volumes.prune([&](const Volume& volume) {
    const volume::Labels labels = volume.labels.value_or(volume::Labels{});
    return (named || volume.anonymous()) && filters.labels("label", labels) &&
           !(filters.contains("label!") && filters.labels("label!", labels));
  });
  api::VolumePruneResponse response;
  // Docker: never null, unlike the lists of other prunes.
  response.volumes_deleted = pruned.names;
  response.space_reclaimed = pruned.bytes;
  engine.events.publish({"volume", "prune", "", {{"reclaimed", std::to_string(pruned.bytes)}}, {}});
  exchange.reply(200, to_json(response));
}

constexpr Route kRoutes[] = {
    {"GET", "/volumes", list},
    {"GET", "/volumes/{name:.*}", inspect},
    {"POST", "/volumes/create", create},
    {"POST", "/volumes/prune", prune, {1, 25}},
    {"PUT", "/volumes/{name:.*}", update, {1, 42}},
    {"DELETE", "/volumes/{name:.*}", remove},
};

}  // namespace

api::VolumeInfo describe(const Volume& volume) {
  api::VolumeInfo info;
  // Docker: whole seconds, as the directory's time is read from disk.
  base::Time created = volume.created;
  created.unix_ns -= created.unix_ns % kNanosecondsPerSecond;
  info.created_at = base::rfc3339_nano(created);
  info.driver = volume.driver;
  info.labels = volume.labels;
  info.mountpoint = volume.mountpoint;
  info.name = volume.name;
  info.options = volume.options;
  return info;
}

std::span<const Route> volume_routes() {
  return kRoutes;
}

}  // namespace wharf::server
