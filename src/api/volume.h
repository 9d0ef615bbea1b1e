// The bodies of /volumes: create, inspect, list, prune.
//
// Plain values, one table of fields for daemon and command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/container_config.h"
#include "base/json.h"

namespace wharf::api {

struct VolumeUsage {
  std::int64_t size = -1;
  std::int64_t ref_count = -1;
};

struct VolumeInfo {
  std::string created_at;
  std::string driver;
  StringMap labels;
  std::string mountpoint;
  std::string name;
  StringMap options;
  std::string scope = "local";
  std::optional<VolumeUsage> usage_data;  ///< In `system df` only.
};

struct VolumeCreateRequest {
  std::string name;
  std::string driver;
  StringMap driver_opts;
  StringMap labels;
  base::Json cluster_volume_spec;
};

struct VolumeListResponse {
  std::vector<VolumeInfo> volumes;
  Strings warnings;
};

struct VolumePruneResponse {
  Strings volumes_deleted;
  std::uint64_t space_reclaimed = 0;
};

base::Json to_json(const VolumeInfo& volume);
void from_json(const base::Json& json, VolumeInfo& volume);
base::Json to_json(const VolumeCreateRequest& request);
void from_json(const base::Json& json, VolumeCreateRequest& request);
base::Json to_json(const VolumeListResponse& response);
void from_json(const base::Json& json, VolumeListResponse& response);
base::Json to_json(const VolumePruneResponse& response);
void from_json(const base::Json& json, VolumePruneResponse& response);

}  // namespace wharf::api
