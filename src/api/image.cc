#include "api/image.h"

#include "base/fields.h"

namespace wharf::base {

template <>
struct Fields<api::ImageSummary> {
  using S = api::ImageSummary;
  static constexpr auto table = std::make_tuple(
      field("Containers", &S::containers), field("Created", &S::created), field("Id", &S::id),
      field("Labels", &S::labels), field("ParentId", &S::parent_id),
      field("Descriptor", &S::descriptor, Omit::Empty),
      field("Manifests", &S::manifests, Omit::Empty), field("RepoDigests", &S::repo_digests),
      field("RepoTags", &S::repo_tags), field("SharedSize", &S::shared_size),
      field("Size", &S::size));
};

template <>
struct Fields<api::ImageHistoryItem> {
  using H = api::ImageHistoryItem;
  static constexpr auto table =
      std::make_tuple(field("Comment", &H::comment), field("Created", &H::created),
                      field("CreatedBy", &H::created_by), field("Id", &H::id),
                      field("Size", &H::size), field("Tags", &H::tags));
};

template <>
struct Fields<api::ImageDeleteItem> {
  using D = api::ImageDeleteItem;
  static constexpr auto table = std::make_tuple(field("Deleted", &D::deleted, Omit::Empty),
                                                field("Untagged", &D::untagged, Omit::Empty));
};

template <>
struct Fields<api::ImagesPruneReport> {
  using P = api::ImagesPruneReport;
  static constexpr auto table = std::make_tuple(field("ImagesDeleted", &P::images_deleted),
                                                field("SpaceReclaimed", &P::space_reclaimed));
};

template <>
struct Fields<api::ProgressDetail> {
  using D = api::ProgressDetail;
  static constexpr auto table = std::make_tuple(field("current", &D::current, Omit::Empty),
                                                field("total", &D::total, Omit::Empty),
                                                field("hidecounts", &D::hide_counts, Omit::Empty));
};

template <>
struct Fields<api::ProgressLine> {
  using L = api::ProgressLine;
  static constexpr auto table = std::make_tuple(
      field("stream", &L::stream, Omit::Empty), field("status", &L::status, Omit::Empty),
      field("progressDetail", &L::detail, Omit::Empty), field("id", &L::id, Omit::Empty),
      field("error", &L::error, Omit::Empty), field("aux", &L::aux, Omit::Empty));
};

}  // namespace wharf::base

namespace wharf::api {
namespace {

using base::Json;
using base::JsonArray;
using base::JsonObject;

Json list(const Strings& texts) {
  return base::to_json(texts);
}

/// What an image cannot have is false or empty, and older clients still look for it.
JsonObject full_config(const ContainerConfig& config) {
  JsonObject object;
  for (const char* never : {"Hostname", "Domainname"}) object[never] = "";
  object["User"] = config.user;
  for (const char* never : {"AttachStdin", "AttachStdout", "AttachStderr"}) object[never] = false;
  if (config.exposed_ports && !config.exposed_ports->empty()) object["ExposedPorts"] = nullptr;
  for (const char* never : {"Tty", "OpenStdin", "StdinOnce"}) object[never] = false;
  object["Env"] = list(config.env);
  object["Cmd"] = list(config.cmd);
  object["Image"] = "";
  object["Volumes"] = nullptr;
  object["WorkingDir"] = config.working_dir;
  object["Entrypoint"] = list(config.entrypoint);
  object["OnBuild"] = list(config.on_build);
  object["Labels"] = base::to_json(config.labels);
  return object;
}

/// Docker: since 1.52 only what is set.
JsonObject short_config(const ContainerConfig& config) {
  JsonObject object;
  if (!config.user.empty()) object["User"] = config.user;
  if (config.env && !config.env->empty()) object["Env"] = list(config.env);
  if (config.cmd && !config.cmd->empty()) object["Cmd"] = list(config.cmd);
  if (!config.working_dir.empty()) object["WorkingDir"] = config.working_dir;
  if (config.entrypoint && !config.entrypoint->empty())
    object["Entrypoint"] = list(config.entrypoint);
  if (config.on_build && !config.on_build->empty()) object["OnBuild"] = list(config.on_build);
  if (config.labels && !config.labels->empty()) object["Labels"] = base::to_json(config.labels);
  return object;
}

Json set(const StringSet& names) {
  JsonObject object;
  for (const auto& [name, nothing] : *names) object[name] = JsonObject();
  return object;
}

Json config_json(const ContainerConfig& config, bool full) {
  JsonObject object = full ? full_config(config) : short_config(config);
  if (config.exposed_ports && !config.exposed_ports->empty())
    object["ExposedPorts"] = set(config.exposed_ports);
  if (config.volumes && !config.volumes->empty()) object["Volumes"] = set(config.volumes);
  if (config.args_escaped) object["ArgsEscaped"] = true;
  if (config.healthcheck) object["Healthcheck"] = to_json(*config.healthcheck);
  if (!config.stop_signal.empty()) object["StopSignal"] = config.stop_signal;
  if (config.shell && !config.shell->empty()) object["Shell"] = list(config.shell);
  return object;
}

void put(JsonObject& object, const char* key, const std::string& text, bool always) {
  if (always || !text.empty()) object[key] = text;
}

}  // namespace

Json to_json(const ImageSummary& summary, Version version) {
  JsonObject object = base::to_json<ImageSummary>(summary).get_object();
  if (version < Version{1, 51}) object["Containers"] = -1;
  if (version < Version{1, 48}) object.erase("Descriptor");
  if (version < Version{1, 47}) object.erase("Manifests");
  if (version < Version{1, 44}) object["VirtualSize"] = summary.size;
  if (version < Version{1, 43} && summary.repo_tags.empty() && summary.repo_digests.empty()) {
    object["RepoTags"] = JsonArray{"<none>:<none>"};
    object["RepoDigests"] = JsonArray{"<none>@<none>"};
  }
  return object;
}

Json to_json(const ImageInspect& image, Version version) {
  // Docker: an image has had empty members since ever; from 1.52 on they are left out.
  const bool full = version < Version{1, 52};
  JsonObject object;
  object["Id"] = image.id;
  object["RepoTags"] = base::to_json(image.repo_tags);
  object["RepoDigests"] = base::to_json(image.repo_digests);
  put(object, "Parent", image.parent, full);
  put(object, "Comment", image.comment, full);
  put(object, "Created", image.created, false);
  if (version < Version{1, 45}) {
    object["Container"] = "";
    object["ContainerConfig"] = nullptr;
  }
  put(object, "DockerVersion", image.docker_version, full);
  put(object, "Author", image.author, full);
  object["Config"] = config_json(image.config, full);
  object["Architecture"] = image.architecture;
  put(object, "Variant", image.variant, false);
  object["Os"] = image.os;
  put(object, "OsVersion", image.os_version, false);
  object["Size"] = image.size;
  if (version < Version{1, 44}) object["VirtualSize"] = image.size;
  JsonObject rootfs;
  rootfs["Type"] = image.rootfs.type;
  if (image.rootfs.layers && !image.rootfs.layers->empty())
    rootfs["Layers"] = base::to_json(image.rootfs.layers);
  object["RootFS"] = std::move(rootfs);
  JsonObject metadata;
  put(metadata, "LastTagTime", image.last_tag_time, false);
  object["Metadata"] = std::move(metadata);
  if (version >= Version{1, 48} && !image.descriptor.is_null())
    object["Descriptor"] = image.descriptor;
  if (version >= Version{1, 48} && !image.manifests.is_null())
    object["Manifests"] = image.manifests;
  return object;
}

Json to_json(const ImageHistoryItem& item) {
  return base::to_json<ImageHistoryItem>(item);
}
Json to_json(const ImageDeleteItem& item) {
  return base::to_json<ImageDeleteItem>(item);
}
Json to_json(const ImagesPruneReport& report) {
  return base::to_json<ImagesPruneReport>(report);
}

Json to_json(const ProgressLine& line) {
  Json json = base::to_json<ProgressLine>(line);
  if (line.error.empty()) return json;
  JsonObject detail;
  detail["message"] = line.error;
  json.get_object()["errorDetail"] = std::move(detail);
  return json;
}

void from_json(const Json& json, ImageSummary& summary) {
  base::from_json<ImageSummary>(json, summary);
}
void from_json(const Json& json, ImageHistoryItem& item) {
  base::from_json<ImageHistoryItem>(json, item);
}
void from_json(const Json& json, ImageDeleteItem& item) {
  base::from_json<ImageDeleteItem>(json, item);
}
void from_json(const Json& json, ImagesPruneReport& report) {
  base::from_json<ImagesPruneReport>(json, report);
}
void from_json(const Json& json, ProgressLine& line) {
  base::from_json<ProgressLine>(json, line);
}

}  // namespace wharf::api
