#include "api/volume.h"

#include "base/fields.h"

namespace wharf::base {

template <>
struct Fields<api::VolumeUsage> {
  using T = api::VolumeUsage;
  static constexpr auto table =
      std::make_tuple(field("Size", &T::size), field("RefCount", &T::ref_count));
};

template <>
struct Fields<api::VolumeInfo> {
  using T = api::VolumeInfo;
  static constexpr auto table =
      std::make_tuple(field("CreatedAt", &T::created_at, Omit::Empty), field("Driver", &T::driver),
                      field("Labels", &T::labels), field("Mountpoint", &T::mountpoint),
                      field("Name", &T::name), field("Options", &T::options),
                      field("Scope", &T::scope), field("UsageData", &T::usage_data, Omit::Empty));
};

template <>
struct Fields<api::VolumeCreateRequest> {
  using T = api::VolumeCreateRequest;
  static constexpr auto table = std::make_tuple(
      field("Name", &T::name, Omit::Empty), field("Driver", &T::driver, Omit::Empty),
      field("DriverOpts", &T::driver_opts, Omit::Empty), field("Labels", &T::labels, Omit::Empty),
      field("ClusterVolumeSpec", &T::cluster_volume_spec, Omit::Empty));
};

template <>
struct Fields<api::VolumeListResponse> {
  using T = api::VolumeListResponse;
  static constexpr auto table =
      std::make_tuple(field("Volumes", &T::volumes), field("Warnings", &T::warnings));
};

template <>
struct Fields<api::VolumePruneResponse> {
  using T = api::VolumePruneResponse;
  static constexpr auto table = std::make_tuple(field("VolumesDeleted", &T::volumes_deleted),
                                                field("SpaceReclaimed", &T::space_reclaimed));
};

}  // namespace wharf::base

namespace wharf::api {

base::Json to_json(const VolumeInfo& volume) {
  return base::to_json(volume);
}
void from_json(const base::Json& json, VolumeInfo& volume) {
  base::from_json(json, volume);
}
base::Json to_json(const VolumeCreateRequest& request) {
  return base::to_json(request);
}
void from_json(const base::Json& json, VolumeCreateRequest& request) {
  base::from_json(json, request);
}
base::Json to_json(const VolumeListResponse& response) {
  return base::to_json(response);
}
void from_json(const base::Json& json, VolumeListResponse& response) {
  base::from_json(json, response);
}
base::Json to_json(const VolumePruneResponse& response) {
  return base::to_json(response);
}
void from_json(const base::Json& json, VolumePruneResponse& response) {
  base::from_json(json, response);
}

}  // namespace wharf::api
