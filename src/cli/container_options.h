// The flags of run and create, and the request body they make.
//
// bind_container_flags() ties every flag to a member; each value is checked while it is
// parsed where Docker's parser does, the rest in container_body(). Values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/flags.h"

namespace wharf::cli {

/// One --network: a name, or "name=n,alias=a,ip=...".
struct NetworkAttachment {
  std::string target;
  std::vector<std::string> aliases;
  base::JsonObject driver_options;
  std::string ip;
  std::string ip6;
  std::vector<std::string> link_local_ips;
  std::string mac_address;
  std::int64_t gateway_priority = 0;
};

struct ContainerOptions {
  // process
  std::vector<std::string> attach;
  bool interactive = false;
  bool tty = false;
  std::string user;
  std::string workdir;
  std::string entrypoint;
  std::vector<std::string> env;
  std::vector<std::string> env_file;
  std::string hostname;
  std::string domainname;
  std::vector<std::string> labels;
  std::vector<std::string> label_file;
  std::vector<std::string> annotation;
  std::string stop_signal;
  std::int64_t stop_timeout = 0;
  bool init = false;
  bool read_only = false;
  bool privileged = false;
  std::vector<std::string> cap_add;
  std::vector<std::string> cap_drop;
  std::vector<std::string> group_add;
  std::vector<std::string> security_opt;
  std::string userns;
  std::string uts;
  std::string pid;
  std::string ipc;
  std::string cgroupns;
  std::string restart = "no";
  bool auto_remove = false;
  std::string cidfile;
  std::string runtime;
  std::string isolation;
  std::string log_driver;
  std::vector<std::string> log_opt;
  std::string name;
  std::string platform;
  std::string pull = "missing";
  bool quiet = false;
  bool help = false;
  bool use_api_socket = false;
  bool disable_content_trust = true;
  // resource
  std::int64_t blkio_weight = 0;
  std::vector<std::string> blkio_weight_device;
  std::string cgroup_parent;
  std::int64_t cpu_count = 0;
  std::int64_t cpu_percent = 0;
  std::int64_t cpu_period = 0;
  std::int64_t cpu_quota = 0;
  std::int64_t cpu_rt_period = 0;
  std::int64_t cpu_rt_runtime = 0;
  std::int64_t cpu_shares = 0;
  std::int64_t nano_cpus = 0;
  std::string cpuset_cpus;
  std::string cpuset_mems;
  std::vector<std::string> devices;
  std::vector<std::string> device_cgroup_rule;
  std::vector<std::string> device_read_bps;
  std::vector<std::string> device_read_iops;
  std::vector<std::string> device_write_bps;
  std::vector<std::string> device_write_iops;
  base::JsonArray gpus;
  std::int64_t io_maxbandwidth = 0;
  std::int64_t io_maxiops = 0;
  std::int64_t kernel_memory = 0;
  std::int64_t memory = 0;
  std::int64_t memory_reservation = 0;
  std::int64_t memory_swap = 0;
  std::int64_t memory_swappiness = -1;
  bool oom_kill_disable = false;
  std::int64_t oom_score_adj = 0;
  std::int64_t pids_limit = 0;
  std::int64_t shm_size = 0;
  std::vector<std::string> sysctl;
  std::vector<std::string> ulimit;
  // storage
  std::vector<std::string> volumes;
  std::string volume_driver;
  std::vector<std::string> volumes_from;
  base::JsonArray mounts;
  std::vector<std::string> tmpfs;
  std::vector<std::string> storage_opt;
  // network
  std::vector<std::string> add_host;
  std::vector<std::string> dns;
  std::vector<std::string> dns_option;
  std::vector<std::string> dns_search;
  std::vector<std::string> expose;
  std::vector<std::string> publish;
  bool publish_all = false;
  std::string ip;
  std::string ip6;
  std::vector<std::string> links;
  std::vector<std::string> link_local_ip;
  std::string mac_address;
  std::vector<NetworkAttachment> networks;
  std::vector<std::string> network_alias;
  // health
  std::string health_cmd;
  std::int64_t health_interval_ns = 0;
  std::int64_t health_retries = 0;
  std::int64_t health_start_interval_ns = 0;
  std::int64_t health_start_period_ns = 0;
  std::int64_t health_timeout_ns = 0;
  bool no_healthcheck = false;

  bool entrypoint_given = false;
  bool init_given = false;
  bool stop_timeout_given = false;
};

void bind_container_flags(FlagSet& flags, ContainerOptions& options);

/// The body of POST /containers/create. `arguments`: image, command and its arguments.
/// Throws base::Error with Docker's words.
base::JsonObject container_body(const ContainerOptions& options,
                                const std::vector<std::string>& arguments);

}  // namespace wharf::cli
