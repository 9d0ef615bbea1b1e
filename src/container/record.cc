#include "container/record.h"

#include "base/error.h"
#include "base/fields.h"

namespace wharf::base {

template <>
struct Fields<container::StateFile> {
  using T = container::StateFile;
  static constexpr auto table = std::make_tuple(
      field("RestartCount", &T::restart_count), field("ManuallyStopped", &T::manually_stopped),
      field("EverStarted", &T::ever_started), field("ExitCode", &T::exit_code),
      field("Error", &T::error), field("Sandbox", &T::sandbox));
};

}  // namespace wharf::base

namespace wharf::container {

namespace {

/// A record of another form than this is of another version of the engine.
constexpr std::int64_t kVersion = 1;

const base::Json& member(const base::JsonObject& object, const char* name) {
  const base::Json* found = base::find(object, name);
  if (!found) base::fail(base::Kind::InvalidArgument, "container record has no {}", name);
  return *found;
}

}  // namespace

std::vector<base::Digest> layers_of(const Record& record) {
  std::vector<base::Digest> layers;
  layers.reserve(record.diff_ids.size());
  for (const std::string& diff_id : record.diff_ids) layers.push_back(base::Digest::parse(diff_id));
  return layers;
}

base::Json to_json(const Record& record) {
  base::JsonObject object;
  object["Version"] = kVersion;
  object["Id"] = record.id;
  object["Name"] = record.name;
  object["Created"] = record.created.unix_ns;
  object["Image"] = record.image_id;
  object["Platform"] = record.platform;
  object["DiffIds"] = base::to_json(record.diff_ids);
  object["ImageDescriptor"] = record.image_descriptor;
  object["Config"] = api::to_json(record.config);
  object["HostConfig"] = api::to_json(record.host);
  base::JsonArray mounts;
  for (const MountSpec& mount : record.mounts) mounts.push_back(to_json(mount));
  object["Mounts"] = std::move(mounts);
  base::JsonObject endpoints;
  for (const auto& [network, settings] : record.endpoints) {
    endpoints[network] = api::to_json(settings);
  }
  object["Endpoints"] = std::move(endpoints);
  object["Links"] = base::to_json(record.links);
  if (record.ids) {
    object["Ids"] = base::JsonObject{{"First", record.ids->first}, {"Count", record.ids->count}};
  }
  if (record.build_step) object["BuildStep"] = true;
  return object;
}

Record record_from_json(const base::Json& json) {
  if (!json.is_object()) base::fail(base::Kind::InvalidArgument, "container record is no object");
  const base::JsonObject& object = json.get_object();
  if (member(object, "Version") != kVersion) {
    base::fail(base::Kind::InvalidArgument, "container record has an unknown version");
  }
  Record record;
  base::from_json(member(object, "Id"), record.id);
  base::from_json(member(object, "Name"), record.name);
  base::from_json(member(object, "Created"), record.created.unix_ns);
  base::from_json(member(object, "Image"), record.image_id);
  base::from_json(member(object, "Platform"), record.platform);
  base::from_json(member(object, "DiffIds"), record.diff_ids);
  record.image_descriptor = member(object, "ImageDescriptor");
  api::from_json(member(object, "Config"), record.config);
  api::from_json(member(object, "HostConfig"), record.host);
  for (const base::Json& mount : member(object, "Mounts").as_array()) {
    record.mounts.push_back(mount_from_json(mount));
  }
  for (const auto& [network, settings] : member(object, "Endpoints").as_object()) {
    api::from_json(settings, record.endpoints[network]);
  }
  base::from_json(member(object, "Links"), record.links);
  if (const base::Json* ids = base::find(object, "Ids")) {
    record.ids = {member(ids->as_object(), "First").to_number<std::uint32_t>(),
                  member(ids->as_object(), "Count").to_number<std::uint32_t>()};
  }
  record.build_step = base::find(object, "BuildStep") != nullptr;
  return record;
}

base::Json to_json(const StateFile& state) {
  base::Json json = base::to_json(state);
  json.get_object()["StartedAt"] = state.started_at.unix_ns;
  return json;
}

StateFile state_from_json(const base::Json& json) {
  StateFile state;
  base::from_json(json, state);
  if (const base::Json* started = base::find(json.as_object(), "StartedAt")) {
    base::from_json(*started, state.started_at.unix_ns);
  }
  return state;
}

os::Durability row_durability(const Record& record) {
  return record.host.auto_remove || record.build_step ? os::Durability::Lazy
                                                      : os::Durability::Synced;
}

}  // namespace wharf::container
