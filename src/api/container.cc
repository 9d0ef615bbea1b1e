#include "api/container.h"

#include "api/container_fields.h"
#include "api/request_checks.h"
#include "base/strings.h"

namespace wharf::base {

template <>
struct Fields<api::CreateRequest> {
  using T = api::CreateRequest;
  static constexpr auto table =
      std::tuple_cat(kContainerConfigFields,
                     std::make_tuple(field("HostConfig", &T::host_config, kOmit),
                                     field("NetworkingConfig", &T::networking_config, kOmit)));
};

template <>
struct Fields<api::CreateResponse> {
  using T = api::CreateResponse;
  static constexpr auto table =
      std::make_tuple(field("Id", &T::id), field("Warnings", &T::warnings));
};

template <>
struct Fields<api::UpdateRequest> {
  using T = api::UpdateRequest;
  static constexpr auto table = std::tuple_cat(
      kResourceFields,
      std::make_tuple(field("RestartPolicy", &T::restart_policy),
                      field("PortBindings", &T::port_bindings, kOmit),
                      field("Mounts", &T::mounts, kOmit), field("Labels", &T::labels, kOmit),
                      field("Env", &T::env, kOmit)));
};

template <>
struct Fields<api::WaitError> {
  static constexpr auto table = std::make_tuple(field("Message", &api::WaitError::message));
};

template <>
struct Fields<api::WaitResponse> {
  using T = api::WaitResponse;
  static constexpr auto table =
      std::make_tuple(field("StatusCode", &T::status_code), field("Error", &T::error, kOmit));
};

template <>
struct Fields<api::TopResponse> {
  using T = api::TopResponse;
  static constexpr auto table =
      std::make_tuple(field("Titles", &T::titles), field("Processes", &T::processes));
};

template <>
struct Fields<api::FilesystemChange> {
  using T = api::FilesystemChange;
  static constexpr auto table = std::make_tuple(field("Path", &T::path), field("Kind", &T::kind));
};

template <>
struct Fields<api::PathStat> {
  using T = api::PathStat;
  static constexpr auto table =
      std::make_tuple(field("name", &T::name), field("size", &T::size), field("mode", &T::mode),
                      field("mtime", &T::mtime), field("linkTarget", &T::link_target));
};

template <>
struct Fields<api::PruneResponse> {
  using T = api::PruneResponse;
  static constexpr auto table = std::make_tuple(field("ContainersDeleted", &T::containers_deleted),
                                                field("SpaceReclaimed", &T::space_reclaimed));
};

}  // namespace wharf::base

namespace wharf::api {

namespace {

/// Docker: a command given as one string is a list of that one string.
void make_list(base::JsonObject& object, std::string_view key) {
  for (auto& [name, value] : object) {
    if (base::equal_fold(name, key) && value.is_string()) {
      base::JsonArray list;
      list.push_back(value);
      value = std::move(list);
    }
  }
}

}  // namespace

base::Json to_json(const CreateRequest& request) {
  return base::to_json(request);
}

void from_json(const base::Json& json, CreateRequest& request) {
  base::Json copy = json;
  if (copy.is_object()) {
    make_list(copy.get_object(), "Cmd");
    make_list(copy.get_object(), "Entrypoint");
  }
  base::from_json(copy, request);
  finish_decoding(request);
}

base::Json to_json(const CreateResponse& response) {
  return base::to_json(response);
}
void from_json(const base::Json& json, CreateResponse& value) {
  base::from_json(json, value);
}
base::Json to_json(const UpdateRequest& request) {
  return base::to_json(request);
}
void from_json(const base::Json& json, UpdateRequest& value) {
  base::from_json(json, value);
}
base::Json to_json(const WaitResponse& response) {
  return base::to_json(response);
}
void from_json(const base::Json& json, WaitResponse& value) {
  base::from_json(json, value);
}
base::Json to_json(const TopResponse& response) {
  return base::to_json(response);
}
void from_json(const base::Json& json, TopResponse& value) {
  base::from_json(json, value);
}
base::Json to_json(const FilesystemChange& change) {
  return base::to_json(change);
}
void from_json(const base::Json& json, FilesystemChange& value) {
  base::from_json(json, value);
}
base::Json to_json(const PathStat& stat) {
  return base::to_json(stat);
}
base::Json to_json(const PruneResponse& response) {
  return base::to_json(response);
}
void from_json(const base::Json& json, PruneResponse& value) {
  base::from_json(json, value);
}

}  // namespace wharf::api
