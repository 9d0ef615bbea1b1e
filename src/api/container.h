// The bodies of /containers: create, inspect, list, wait, top, changes, update, prune.
//
// Values as API 1.52 has them; what older versions show differently is added where
// the answer is made (server/routes). Each type is written by to_json() and read by
// from_json(), so that the daemon and the command line share one table of fields.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/container_config.h"
#include "api/endpoint.h"
#include "api/host_config.h"
#include "api/mount.h"

namespace wharf::api {

struct CreateRequest : ContainerConfig {
  std::optional<HostConfig> host_config;
  std::optional<NetworkingConfig> networking_config;
};

/// X-Docker-Container-Path-Stat of /containers/{id}/archive.
struct PathStat {
  std::string name;
  std::int64_t size = 0;
  std::uint32_t mode = 0;  ///< Go's os.FileMode.
  std::string mtime;
  std::string link_target;  ///< Of a link: where it leads in the end.
};

struct CreateResponse {
  std::string id;
  std::vector<std::string> warnings;
};

/// From port_bindings on these are additions to Docker's API (docs/additions.md).
struct UpdateRequest : Resources {
  RestartPolicy restart_policy;
  std::optional<PortBindings> port_bindings;  ///< All that shall be published from now on.
  std::optional<std::vector<Mount>> mounts;   ///< What is mounted as well.
  std::map<std::string, std::optional<std::string>> labels;  ///< Set; null removes.
  std::vector<std::string> env;  ///< "A=b" sets, "A" removes; at the next start.
};

struct WaitError {
  std::string message;
};
struct WaitResponse {
  std::int64_t status_code = 0;
  std::optional<WaitError> error;
};

struct TopResponse {
  std::vector<std::string> titles;
  std::vector<std::vector<std::string>> processes;
};

struct FilesystemChange {
  std::string path;
  int kind = 0;  ///< 0 modified, 1 added, 2 deleted.
};

struct PruneResponse {
  Strings containers_deleted;
  std::uint64_t space_reclaimed = 0;
};

struct HealthResult {
  std::string start;
  std::string end;
  std::int64_t exit_code = 0;
  std::string output;
};
struct Health {
  std::string status;  ///< none, starting, healthy, unhealthy.
  std::int64_t failing_streak = 0;
  std::vector<HealthResult> log;
};

struct ContainerState {
  std::string status;
  bool running = false;
  bool paused = false;
  bool restarting = false;
  bool oom_killed = false;
  bool dead = false;
  std::int64_t pid = 0;
  std::int64_t exit_code = 0;
  std::string error;
  std::string started_at;
  std::string finished_at;
  std::optional<Health> health;
};

struct NetworkSettings {
  std::string sandbox_id;
  std::string sandbox_key;
  PortBindings ports;
  std::map<std::string, EndpointSettings> networks;
};

struct ContainerInspect {
  std::string id;
  std::string created;
  std::string path;
  std::vector<std::string> args;
  ContainerState state;
  std::string image;
  std::string resolv_conf_path;
  std::string hostname_path;
  std::string hosts_path;
  std::string log_path;
  std::string name;
  std::int64_t restart_count = 0;
  std::string driver;
  std::string platform;
  std::string mount_label;
  std::string process_label;
  std::string app_armor_profile;
  Strings exec_ids;
  HostConfig host_config;
  std::optional<std::int64_t> size_rw;
  std::optional<std::int64_t> size_root_fs;
  std::vector<MountPoint> mounts;
  ContainerConfig config;
  NetworkSettings network_settings;
  base::Json image_manifest_descriptor;  ///< An OCI descriptor; absent where null.
};

struct SummaryPort {
  std::string ip;
  std::uint16_t private_port = 0;
  std::uint16_t public_port = 0;
  std::string type;
  auto operator<=>(const SummaryPort&) const = default;
};
struct SummaryHostConfig {
  std::string network_mode;
  StringMap annotations;
};
struct SummaryNetworkSettings {
  std::map<std::string, EndpointSettings> networks;
};
struct SummaryHealth {
  std::string status;
  std::int64_t failing_streak = 0;
};

struct ContainerSummary {
  std::string id;
  std::vector<std::string> names;
  std::string image;
  std::string image_id;
  std::string command;
  std::int64_t created = 0;
  std::vector<SummaryPort> ports;
  std::int64_t size_rw = 0;
  std::int64_t size_root_fs = 0;
  std::map<std::string, std::string> labels;
  std::string state;
  std::string status;
  SummaryHostConfig host_config;
  std::optional<SummaryHealth> health;
  SummaryNetworkSettings network_settings;
  std::vector<MountPoint> mounts;
  base::Json image_manifest_descriptor;
};

base::Json to_json(const CreateRequest& request);
/// Docker: Cmd and Entrypoint may be one string instead of a list. Throws InvalidArgument.
void from_json(const base::Json& json, CreateRequest& request);
base::Json to_json(const CreateResponse& response);
void from_json(const base::Json& json, CreateResponse& response);
base::Json to_json(const UpdateRequest& request);
void from_json(const base::Json& json, UpdateRequest& request);
base::Json to_json(const WaitResponse& response);
void from_json(const base::Json& json, WaitResponse& response);
base::Json to_json(const TopResponse& response);
void from_json(const base::Json& json, TopResponse& response);
base::Json to_json(const FilesystemChange& change);
void from_json(const base::Json& json, FilesystemChange& change);
base::Json to_json(const PathStat& stat);
base::Json to_json(const PruneResponse& response);
void from_json(const base::Json& json, PruneResponse& response);
base::Json to_json(const ContainerInspect& inspect);
void from_json(const base::Json& json, ContainerInspect& inspect);
base::Json to_json(const ContainerSummary& summary);
void from_json(const base::Json& json, ContainerSummary& summary);

}  // namespace wharf::api
