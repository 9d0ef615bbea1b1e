// What is kept of a container: the row in the database, and the small state file.
//
// The row says what exists and is durable when create() returns. The state file,
// <data-root>/containers/<id>/state.json, says what happened since; it is replaced without
// fsync(2) and what it lacks after a power cut the kernel and exit.json tell.
// Formats: docs/formats/container-record.md.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/container.h"
#include "base/digest.h"
#include "base/time.h"
#include "container/id_blocks.h"
#include "container/mounts.h"
#include "os/file.h"

namespace wharf::container {

struct Record {
  std::string id;
  std::string name;
  base::Time created;
  std::string image_id;  ///< Digest of the image's manifest or index.
  std::string platform;  ///< "linux"
  std::vector<std::string> diff_ids;
  base::Json image_descriptor;
  api::ContainerConfig config;
  api::HostConfig host;
  std::vector<MountSpec> mounts;
  std::map<std::string, api::EndpointSettings> endpoints;  ///< As asked for, by network name.
  std::map<std::string, std::string> links;                ///< Alias to container id.
  std::optional<IdBlock> ids;                              ///< Of UsernsMode "auto".
  /// A step of a build: it goes with the daemon that runs the build, and holds no layers itself.
  bool build_step = false;
};

struct StateFile {
  std::int64_t restart_count = 0;
  bool manually_stopped = false;
  bool ever_started = false;
  int exit_code = 0;  ///< Of a start that failed.
  std::string error;  ///< Why it failed; "" after a start that worked.
  base::Time started_at;
  base::Json sandbox;  ///< network::Sandbox::record() of the run that began last.
};

/// Bottom first. Throws InvalidArgument where the record is broken.
std::vector<base::Digest> layers_of(const Record& record);

/// How well its row is kept: one of --rm would be removed after a power loss anyway.
os::Durability row_durability(const Record& record);

base::Json to_json(const Record& record);
/// Throws InvalidArgument for what is no record.
Record record_from_json(const base::Json& json);

base::Json to_json(const StateFile& state);
StateFile state_from_json(const base::Json& json);

}  // namespace wharf::container
