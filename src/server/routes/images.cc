// /images, /distribution and /auth.
#include <charconv>

#include "api/image.h"
#include "engine/engine.h"
#include "image/pull.h"
#include "server/exchange.h"
#include "server/route.h"
#include "server/routes/describe.h"
#include "server/routes/image_streams.h"

namespace wharf::server {
namespace {

using base::fail;
using base::Json;
using base::JsonArray;
using base::JsonObject;
using base::Kind;
using engine::Engine;

Json descriptor_json(const std::string& media_type, const base::Digest& digest,
                     std::int64_t bytes) {
  return oci::to_json(
      oci::Descriptor{.media_type = media_type, .digest = digest, .size_bytes = bytes});
}

Json manifest_json(const image::ManifestSummary& manifest) {
  JsonObject size;
  size["Content"] = manifest.content_bytes;
  size["Total"] = manifest.content_bytes + manifest.unpacked_bytes;
  JsonObject object;
  object["ID"] = manifest.descriptor.digest.text();
  object["Descriptor"] = oci::to_json(manifest.descriptor);
  object["Available"] = manifest.available;
  object["Size"] = std::move(size);
  object["Kind"] = manifest.kind;
  if (manifest.kind == "image") {
    JsonArray containers;
    for (const std::string& id : manifest.container_ids) containers.emplace_back(id);
    JsonObject data;
    data["Platform"] = oci::to_json(manifest.platform);
    data["Containers"] = std::move(containers);
    JsonObject unpacked;
    unpacked["Unpacked"] = manifest.unpacked_bytes;
    data["Size"] = std::move(unpacked);
    object["ImageData"] = std::move(data);
  }
  if (manifest.kind == "attestation") {
    JsonObject data;
    data["For"] = manifest.attests.text();
    object["AttestationData"] = std::move(data);
  }
  return object;
}

Json manifests_json(const std::vector<image::ManifestSummary>& manifests) {
  JsonArray list;
  for (const image::ManifestSummary& manifest : manifests) list.push_back(manifest_json(manifest));
  return list;
}

void list(Engine& engine, Exchange& exchange) {
  image::ListOptions options;
  options.filters = exchange.filters();
  options.shared_size = !exchange.before(42) && exchange.flag("shared-size");
  options.manifests = !exchange.before(47) && exchange.flag("manifests");
  JsonArray answer;
  for (const image::Summary& image : engine.images.list(options)) {
    api::ImageSummary summary = describe(image);
    if (options.manifests) summary.manifests = manifests_json(image.manifests);
    answer.push_back(api::to_json(summary, exchange.version()));
  }
  exchange.reply(200, answer);
}

api::StringSet names_of(const oci::Set& set) {
  if (!set) return std::nullopt;
  api::StringSet out = std::map<std::string, api::Empty>{};
  for (const auto& [name, nothing] : *set) out->emplace(name, api::Empty{});
  return out;
}

api::ContainerConfig run_config(const oci::RunConfig& config) {
  api::ContainerConfig out;
  out.user = config.user;
  out.exposed_ports = names_of(config.exposed_ports);
  out.env = config.env;
  out.cmd = config.cmd;
  out.entrypoint = config.entrypoint;
  out.volumes = names_of(config.volumes);
  out.working_dir = config.working_dir;
  out.labels = config.labels;
  out.stop_signal = config.stop_signal;
  out.args_escaped = config.args_escaped;
  out.on_build = config.on_build;
  out.shell = config.shell;
  if (const auto& check = config.healthcheck) {
    out.healthcheck = {.test = check->test,
                       .interval_ns = check->interval_ns,
                       .timeout_ns = check->timeout_ns,
                       .start_period_ns = check->start_period_ns,
                       .start_interval_ns = check->start_interval_ns,
                       .retries = check->retries};
  }
  return out;
}

api::ImageInspect inspect_of(const image::Image& image) {
  api::ImageInspect out;
  out.id = image.id.text();
  out.repo_tags = image.repo_tags;
  out.repo_digests = image.repo_digests;
  out.parent = image.parent;
  out.comment = image.config.comment;
  if (out.comment.empty() && !image.config.history.empty())
    out.comment = image.config.history.back().comment;
  out.created = image.config.created;
  out.author = image.config.author;
  out.docker_version = image.config.docker_version;
  out.config = run_config(image.config.config);
  out.architecture = image.config.architecture;
  out.variant = image.config.variant;
  out.os = image.config.os;
  out.os_version = image.config.os_version;
  out.size = image.size_bytes;
  out.rootfs.layers.emplace();
  for (const base::Digest& diff_id : image.diff_ids) out.rootfs.layers->push_back(diff_id.text());
  out.last_tag_time = base::rfc3339_nano(image.last_tagged);
  out.descriptor = descriptor_json(image.media_type, image.id, image.id_bytes);
  return out;
}

/// A parameter that holds a platform as an object's text.
std::optional<oci::Platform> platform_of(const Exchange& exchange, int since_minor) {
  const std::string& text = exchange.parameter("platform");
  if (text.empty() || exchange.before(since_minor)) return std::nullopt;
  try {
    return oci::platform_from_json(base::parse_json(text));
  } catch (const base::Error& error) {
    fail(Kind::InvalidArgument, "failed to parse platform: {}", error.what());
  }
}

void inspect(Engine& engine, Exchange& exchange) {
  const bool manifests = !exchange.before(48) && exchange.flag("manifests");
  const std::optional<oci::Platform> platform = platform_of(exchange, 49);
  if (manifests && platform) {
    fail(Kind::InvalidArgument,
         "conflicting options: manifests and platform options cannot both be set");
  }
  const image::Image image = engine.images.resolve(exchange.variable("name"), platform);
  api::ImageInspect answer = inspect_of(image);
  if (manifests) answer.manifests = manifests_json(engine.images.manifests(image.id));
  exchange.reply(200, api::to_json(answer, exchange.version()));
}

void history(Engine& engine, Exchange& exchange) {
  JsonArray answer;
  for (const image::HistoryItem& step :
       engine.images.history(exchange.variable("name"), platform_of(exchange, 48))) {
    api::ImageHistoryItem item;
    item.id = step.id;
    item.created = step.created_s;
    item.created_by = step.created_by;
    if (!step.tags.empty()) item.tags = step.tags;
    item.size = step.size_bytes;
    item.comment = step.comment;
    answer.push_back(api::to_json(item));
  }
  exchange.reply(200, answer);
}

void tag(Engine& engine, Exchange& exchange) {
  oci::Reference name = oci::Reference::parse(exchange.parameter("repo"));
  if (name.has_digest())
    fail(Kind::InvalidArgument, "refusing to create a tag with a digest reference");
  if (name.familiar_name() == "sha256") {
    fail(Kind::InvalidArgument,
         "refusing to create an ambiguous tag using digest algorithm as name");
  }
  const std::string& wanted = exchange.parameter("tag");
  name = wanted.empty() ? name.with_default_tag() : name.with_tag(wanted);
  engine.images.tag(exchange.variable("name"), name);
  exchange.reply(201);
}

std::vector<api::ImageDeleteItem> removed_items(const std::vector<image::Removed>& removed) {
  std::vector<api::ImageDeleteItem> items;
  for (const image::Removed& one : removed) items.push_back({one.untagged, one.deleted});
  return items;
}

void remove(Engine& engine, Exchange& exchange) {
  image::RemoveOptions options;
  options.force = exchange.flag("force");
  if (!exchange.before(50)) {
    for (const std::string& text : exchange.query().all("platforms")) {
      options.platforms.push_back(oci::platform_from_json(base::parse_json(text)));
    }
  }
  JsonArray answer;
  for (const api::ImageDeleteItem& item :
       removed_items(engine.images.remove(exchange.variable("name"), options))) {
    answer.push_back(api::to_json(item));
  }
  exchange.reply(200, answer);
}

void prune(Engine& engine, Exchange& exchange) {
  const image::PruneReport report = engine.images.prune(exchange.filters());
  api::ImagesPruneReport answer;
  if (!report.removed.empty()) answer.images_deleted = removed_items(report.removed);
  answer.space_reclaimed = report.space_reclaimed;
  exchange.reply(200, api::to_json(answer));
}

void distribution(Engine& engine, Exchange& exchange) {
  const oci::Reference name = oci::Reference::parse(exchange.variable("name")).with_default_tag();
  auto credentials = registry::Credentials::from_header(exchange.headers().get("X-Registry-Auth"));
  const registry::Repository repository =
      engine.registry.repository(name.trimmed(), std::move(credentials), exchange.gone());
  const registry::FetchedDocument fetched =
      repository.document(name.has_digest() ? name.digest().text() : name.tag());
  const oci::Document document = oci::parse_document(fetched.bytes, fetched.content_type);
  const std::string type = std::visit([](const auto& d) { return d.media_type; }, document);
  JsonObject answer;
  answer["Descriptor"] =
      descriptor_json(type, fetched.digest, static_cast<std::int64_t>(fetched.bytes.size()));
  answer["Platforms"] = nullptr;
  if (const oci::Index* index = std::get_if<oci::Index>(&document)) {
    JsonArray platforms;
    for (const oci::Descriptor& entry : index->manifests) {
      if (entry.platform) platforms.push_back(oci::to_json(*entry.platform));
    }
    answer["Platforms"] = std::move(platforms);
  }
  exchange.reply(200, answer);
}

int search_limit(const Exchange& exchange) {
  const std::string& text = exchange.parameter("limit");
  if (text.empty()) return 0;
  int limit = -1;
  const char* last = text.data() + text.size();
  const auto [end, failed] = std::from_chars(text.data(), last, limit);
  if (failed == std::errc() && end == last && limit >= 0) return limit;
  fail(Kind::InvalidArgument, "invalid limit specified");
}

/// Docker: of several "stars" the highest counts.
std::int64_t least_stars(const base::Filters& filters) {
  std::int64_t least = 0;
  for (const std::string& text : filters.get("stars")) {
    std::int64_t stars = 0;
    const char* last = text.data() + text.size();
    const auto [end, failed] = std::from_chars(text.data(), last, stars);
    if (failed != std::errc() || end != last)
      fail(Kind::InvalidArgument, "invalid filter 'stars={}'", text);
    least = std::max(least, stars);
  }
  return least;
}

void search(Engine& engine, Exchange& exchange) {
  const base::Filters filters = exchange.filters();
  filters.require_known({"is-automated", "is-official", "stars"});
  const bool automated = filters.boolean("is-automated", false);
  const bool official = filters.boolean("is-official", false);
  const std::int64_t stars = least_stars(filters);
  const int limit = search_limit(exchange);
  const auto credentials =
      registry::Credentials::from_header(exchange.headers().get("X-Registry-Auth"));
  JsonArray answer;
  // Docker: nothing is automated any more.
  if (automated) return exchange.reply(200, answer);
  for (const registry::Found& found :
       engine.registry.search(exchange.parameter("term"), limit, credentials, exchange.gone())) {
    if (filters.contains("is-official") && found.official != official) continue;
    if (filters.contains("stars") && found.stars < stars) continue;
    JsonObject item;
    item["star_count"] = found.stars;
    item["is_official"] = found.official;
    item["name"] = found.name;
    item["is_automated"] = false;
    item["description"] = found.description;
    answer.push_back(std::move(item));
  }
  exchange.reply(200, answer);
}

void authenticate(Engine& engine, Exchange& exchange) {
  registry::Credentials credentials;
  exchange.read_json([&](const Json& json) {
    if (!json.is_object()) fail(Kind::InvalidArgument, "not an object");
    const JsonObject& object = json.get_object();
    credentials.username = base::text_at(object, "username");
    credentials.password = base::text_at(object, "password");
    credentials.server_address = base::text_at(object, "serveraddress");
    credentials.identity_token = base::text_at(object, "identitytoken");
  });
  JsonObject answer;
  answer["IdentityToken"] = engine.registry.login(credentials, exchange.gone());
  answer["Status"] = "Login Succeeded";
  exchange.reply(200, answer);
}

constexpr Route kRoutes[] = {
    {"GET", "/images/json", list},
    {"GET", "/images/search", search},
    {"GET", "/images/get", save_images},
    {"GET", "/images/{name:.*}/get", save_image},
    {"GET", "/images/{name:.*}/history", history},
    {"GET", "/images/{name:.*}/json", inspect},
    {"POST", "/images/load", load_images},
    {"POST", "/images/create", create_image},
    {"POST", "/images/{name:.*}/push", push_image},
    {"POST", "/images/{name:.*}/tag", tag},
    {"POST", "/images/prune", prune, {1, 25}},
    {"DELETE", "/images/{name:.*}", remove},
    {"GET", "/distribution/{name:.*}/json", distribution, {1, 30}},
    {"POST", "/auth", authenticate},
};

}  // namespace

api::ImageSummary describe(const image::Summary& image) {
  api::ImageSummary summary;
  summary.id = image.id.text();
  summary.repo_tags = image.repo_tags;
  summary.repo_digests = image.repo_digests;
  summary.created = image.created_s;
  summary.size = image.size_bytes;
  summary.shared_size = image.shared_bytes;
  summary.containers = image.containers;
  if (!image.labels.empty()) summary.labels = image.labels;
  summary.descriptor = descriptor_json(image.media_type, image.id, image.id_bytes);
  return summary;
}

std::span<const Route> image_routes() {
  return kRoutes;
}

}  // namespace wharf::server
