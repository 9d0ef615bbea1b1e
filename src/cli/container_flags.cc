// Binds the flags of run and create; what each value must look like is in option_values.h.
#include "cli/container_options.h"
#include "cli/mounts.h"
#include "cli/option_values.h"
#include "cli/units.h"

namespace wharf::cli {
namespace {

using Check = std::string (*)(const std::string& text);

/// Appends what `check` makes of a value.
FlagSet::Setter into(std::vector<std::string>& values, Check check) {
  return [&values, check](const std::string& text) { values.push_back(check(text)); };
}

FlagSet::Setter bytes_into(std::int64_t& value, bool unlimited) {
  return [&value, unlimited](const std::string& text) {
    value = unlimited && text == "-1" ? -1 : parse_memory(text);
  };
}

FlagSet::Setter unsigned_into(std::int64_t& value, unsigned bits) {
  return [&value, bits](const std::string& text) {
    value = static_cast<std::int64_t>(parse_unsigned(text, bits));
  };
}

void bind_process_flags(FlagSet& flags, ContainerOptions& o) {
  flags.custom({"attach", 'a', "list", "Attach to STDIN, STDOUT or STDERR"},
               into(o.attach, checked_attach));
  flags.boolean(o.interactive, {"interactive", 'i', "", "Keep STDIN open even if not attached"});
  flags.boolean(o.tty, {"tty", 't', "", "Allocate a pseudo-TTY"});
  flags.text(o.user, {"user", 'u', "string", "Username or UID (format: <name|uid>[:<group|gid>])"});
  flags.text(o.workdir, {"workdir", 'w', "string", "Working directory inside the container"});
  flags.text(o.entrypoint,
             {"entrypoint", 0, "string", "Overwrite the default ENTRYPOINT of the image"});
  flags.custom({"env", 'e', "list", "Set environment variables"}, into(o.env, checked_env));
  flags.list(o.env_file, {"env-file", 0, "list", "Read in a file of environment variables"});
  flags.text(o.hostname, {"hostname", 'h', "string", "Container host name"});
  flags.text(o.domainname, {"domainname", 0, "string", "Container NIS domain name"});
  flags.custom({"label", 'l', "list", "Set meta data on a container"},
               into(o.labels, checked_label));
  flags.list(o.label_file, {"label-file", 0, "list", "Read in a line delimited file of labels"});
  flags.list(o.annotation,
             {"annotation", 0, "map",
              "Add an annotation to the container (passed through to the OCI runtime)", "map[]"});
  flags.text(o.stop_signal, {"stop-signal", 0, "string", "Signal to stop the container"});
  flags.integer(o.stop_timeout,
                {"stop-timeout", 0, "int", "Timeout (in seconds) to stop a container"});
  flags.boolean(o.init,
                {"init", 0, "",
                 "Run an init inside the container that forwards signals and reaps processes"});
  flags.boolean(o.read_only,
                {"read-only", 0, "", "Mount the container's root filesystem as read only"});
  flags.boolean(o.privileged, {"privileged", 0, "", "Give extended privileges to this container"});
  flags.list(o.cap_add, {"cap-add", 0, "list", "Add Linux capabilities"});
  flags.list(o.cap_drop, {"cap-drop", 0, "list", "Drop Linux capabilities"});
  flags.list(o.group_add, {"group-add", 0, "list", "Add additional groups to join"});
  flags.list(o.security_opt, {"security-opt", 0, "list", "Security Options"});
  flags.text(o.userns, {"userns", 0, "string", "User namespace to use"});
  flags.text(o.uts, {"uts", 0, "string", "UTS namespace to use"});
  flags.text(o.pid, {"pid", 0, "string", "PID namespace to use"});
  flags.text(o.ipc, {"ipc", 0, "string", "IPC mode to use"});
  flags.text(o.cgroupns,
             {"cgroupns", 0, "string",
              "Cgroup namespace to use (host|private)\n'host':    Run the container in the Docker "
              "host's cgroup namespace\n'private': Run the container in its own private cgroup "
              "namespace\n'':        Use the cgroup namespace as configured by the\n           "
              "default-cgroupns-mode option on the daemon (default)"});
  flags.text(o.restart,
             {"restart", 0, "string", "Restart policy to apply when a container exits", "\"no\""});
  flags.boolean(
      o.auto_remove,
      {"rm", 0, "",
       "Automatically remove the container and its associated anonymous volumes when it exits"});
  flags.text(o.cidfile, {"cidfile", 0, "string", "Write the container ID to the file"});
  flags.text(o.runtime, {"runtime", 0, "string", "Runtime to use for this container"});
  flags.text(o.isolation, {"isolation", 0, "string", "Container isolation technology"});
  flags.text(o.log_driver, {"log-driver", 0, "string", "Logging driver for the container"});
  flags.list(o.log_opt, {"log-opt", 0, "list", "Log driver options"});
  flags.text(o.name, {"name", 0, "string", "Assign a name to the container"});
  flags.text(o.platform,
             {"platform", 0, "string", "Set platform if server is multi-platform capable"});
  flags.boolean(o.quiet, {"quiet", 'q', "", "Suppress the pull output"});
  flags.boolean(o.help, {"help", 0, "", "Print usage"});
  flags.boolean(o.use_api_socket,
                {"use-api-socket", 0, "", "Bind mount Docker API socket and required auth"});
  flags.boolean(o.disable_content_trust,
                {"disable-content-trust", 0, "", "Skip image verification", "true"});
}

void bind_resource_flags(FlagSet& flags, ContainerOptions& o) {
  flags.custom({"blkio-weight", 0, "uint16",
                "Block IO (relative weight), between 10 and 1000, or 0 to disable", "0"},
               unsigned_into(o.blkio_weight, 16));
  flags.custom({"blkio-weight-device", 0, "list", "Block IO weight (relative device weight)", "[]"},
               into(o.blkio_weight_device, checked_weight_device));
  flags.text(o.cgroup_parent,
             {"cgroup-parent", 0, "string", "Optional parent cgroup for the container"});
  flags.integer(o.cpu_count, {"cpu-count", 0, "int", "CPU count (Windows only)"});
  flags.integer(o.cpu_percent, {"cpu-percent", 0, "int", "CPU percent (Windows only)"});
  flags.integer(o.cpu_period,
                {"cpu-period", 0, "int", "Limit CPU CFS (Completely Fair Scheduler) period"});
  flags.integer(o.cpu_quota,
                {"cpu-quota", 0, "int", "Limit CPU CFS (Completely Fair Scheduler) quota"});
  flags.integer(o.cpu_rt_period,
                {"cpu-rt-period", 0, "int", "Limit CPU real-time period in microseconds"});
  flags.integer(o.cpu_rt_runtime,
                {"cpu-rt-runtime", 0, "int", "Limit CPU real-time runtime in microseconds"});
  flags.integer(o.cpu_shares, {"cpu-shares", 'c', "int", "CPU shares (relative weight)"});
  flags.custom({"cpus", 0, "decimal", "Number of CPUs"},
               [&o](const std::string& text) { o.nano_cpus = parse_cpus(text); });
  flags.text(o.cpuset_cpus,
             {"cpuset-cpus", 0, "string", "CPUs in which to allow execution (0-3, 0,1)"});
  flags.text(o.cpuset_mems,
             {"cpuset-mems", 0, "string", "MEMs in which to allow execution (0-3, 0,1)"});
  flags.list(o.devices, {"device", 0, "list", "Add a host device to the container"});
  flags.custom({"device-cgroup-rule", 0, "list", "Add a rule to the cgroup allowed devices list"},
               into(o.device_cgroup_rule, checked_device_rule));
  flags.custom(
      {"device-read-bps", 0, "list", "Limit read rate (bytes per second) from a device", "[]"},
      into(o.device_read_bps, checked_throttle_bytes));
  flags.custom(
      {"device-read-iops", 0, "list", "Limit read rate (IO per second) from a device", "[]"},
      into(o.device_read_iops, checked_throttle_count));
  flags.custom(
      {"device-write-bps", 0, "list", "Limit write rate (bytes per second) to a device", "[]"},
      into(o.device_write_bps, checked_throttle_bytes));
  flags.custom(
      {"device-write-iops", 0, "list", "Limit write rate (IO per second) to a device", "[]"},
      into(o.device_write_iops, checked_throttle_count));
  flags.custom(
      {"gpus", 0, "gpu-request", "GPU devices to add to the container ('all' to pass all GPUs)"},
      [&o](const std::string& text) { o.gpus.push_back(parse_gpus(text)); });
  flags.custom({"io-maxbandwidth", 0, "bytes",
                "Maximum IO bandwidth limit for the system drive (Windows only)"},
               bytes_into(o.io_maxbandwidth, false));
  flags.custom({"io-maxiops", 0, "uint", "Maximum IOps limit for the system drive (Windows only)"},
               unsigned_into(o.io_maxiops, 64));
  flags.custom({"kernel-memory", 0, "bytes", "Kernel memory limit"},
               bytes_into(o.kernel_memory, false));
  flags.custom({"memory", 'm', "bytes", "Memory limit"}, bytes_into(o.memory, false));
  flags.custom({"memory-reservation", 0, "bytes", "Memory soft limit"},
               bytes_into(o.memory_reservation, false));
  flags.custom({"memory-swap", 0, "bytes",
                "Swap limit equal to memory plus swap: '-1' to enable unlimited swap"},
               bytes_into(o.memory_swap, true));
  flags.integer(o.memory_swappiness, {"memory-swappiness", 0, "int",
                                      "Tune container memory swappiness (0 to 100)", "-1"});
  flags.boolean(o.oom_kill_disable, {"oom-kill-disable", 0, "", "Disable OOM Killer"});
  flags.integer(o.oom_score_adj,
                {"oom-score-adj", 0, "int", "Tune host's OOM preferences (-1000 to 1000)"});
  flags.integer(o.pids_limit,
                {"pids-limit", 0, "int", "Tune container pids limit (set -1 for unlimited)"});
  flags.custom({"shm-size", 0, "bytes", "Size of /dev/shm"}, bytes_into(o.shm_size, false));
  flags.custom({"sysctl", 0, "map", "Sysctl options", "map[]"}, into(o.sysctl, checked_sysctl));
  flags.custom({"ulimit", 0, "ulimit", "Ulimit options", "[]"}, into(o.ulimit, checked_ulimit));
}

void bind_storage_flags(FlagSet& flags, ContainerOptions& o) {
  flags.list(o.volumes, {"volume", 'v', "list", "Bind mount a volume"});
  flags.text(o.volume_driver,
             {"volume-driver", 0, "string", "Optional volume driver for the container"});
  flags.list(o.volumes_from,
             {"volumes-from", 0, "list", "Mount volumes from the specified container(s)"});
  flags.custom({"mount", 0, "mount", "Attach a filesystem mount to the container"},
               [&o](const std::string& text) { o.mounts.push_back(parse_mount(text)); });
  flags.list(o.tmpfs, {"tmpfs", 0, "list", "Mount a tmpfs directory"});
  flags.list(o.storage_opt, {"storage-opt", 0, "list", "Storage driver options for the container"});
}

void bind_network_flags(FlagSet& flags, ContainerOptions& o) {
  flags.custom({"add-host", 0, "list", "Add a custom host-to-IP mapping (host:ip)"},
               into(o.add_host, checked_extra_host));
  flags.custom({"dns", 0, "list", "Set custom DNS servers"}, into(o.dns, checked_ip_address));
  flags.list(o.dns_option, {"dns-option", 0, "list", "Set DNS options"});
  flags.custom({"dns-search", 0, "list", "Set custom DNS search domains"},
               into(o.dns_search, checked_dns_search));
  flags.list(o.expose, {"expose", 0, "list", "Expose a port or a range of ports"});
  flags.list(o.publish, {"publish", 'p', "list", "Publish a container's port(s) to the host"});
  flags.boolean(o.publish_all,
                {"publish-all", 'P', "", "Publish all exposed ports to random ports"});
  flags.text(o.ip, {"ip", 0, "string", "IPv4 address (e.g., 172.30.100.104)"});
  flags.text(o.ip6, {"ip6", 0, "string", "IPv6 address (e.g., 2001:db8::33)"});
  flags.custom({"link", 0, "list", "Add link to another container"}, into(o.links, checked_link));
  flags.custom({"link-local-ip", 0, "list", "Container IPv4/IPv6 link-local addresses"},
               into(o.link_local_ip, checked_ip_address));
  flags.text(o.mac_address,
             {"mac-address", 0, "string", "Container MAC address (e.g., 92:d0:c6:0a:29:33)"});
  flags.custom({"network", 0, "network", "Connect a container to a network"},
               [&o](const std::string& text) { o.networks.push_back(parse_network(text)); });
  flags.list(o.network_alias,
             {"network-alias", 0, "list", "Add network-scoped alias for the container"});
}

void bind_health_flags(FlagSet& flags, ContainerOptions& o) {
  flags.text(o.health_cmd, {"health-cmd", 0, "string", "Command to run to check health"});
  flags.custom(
      {"health-interval", 0, "duration", "Time between running the check (ms|s|m|h)", "0s"},
      [&o](const std::string& text) { o.health_interval_ns = parse_duration(text); });
  flags.integer(o.health_retries,
                {"health-retries", 0, "int", "Consecutive failures needed to report unhealthy"});
  flags.custom(
      {"health-start-interval", 0, "duration",
       "Time between running the check during the start period (ms|s|m|h)", "0s"},
      [&o](const std::string& text) { o.health_start_interval_ns = parse_duration(text); });
  flags.custom({"health-start-period", 0, "duration",
                "Start period for the container to initialize before starting health-retries "
                "countdown (ms|s|m|h)",
                "0s"},
               [&o](const std::string& text) { o.health_start_period_ns = parse_duration(text); });
  flags.custom(
      {"health-timeout", 0, "duration", "Maximum time to allow one check to run (ms|s|m|h)", "0s"},
      [&o](const std::string& text) { o.health_timeout_ns = parse_duration(text); });
  flags.boolean(o.no_healthcheck,
                {"no-healthcheck", 0, "", "Disable any container-specified HEALTHCHECK"});
}
/// Docker: earlier spellings, still taken and never shown.
void bind_old_names(FlagSet& flags, ContainerOptions& o) {
  const auto attach_network = [&o](const std::string& text) {
    o.networks.push_back(parse_network(text));
  };
  flags.custom({.name = "net", .type = "network", .hidden = true}, attach_network);
  flags.list(o.network_alias, {.name = "net-alias", .type = "list", .hidden = true});
  flags.list(o.dns_option, {.name = "dns-opt", .type = "list", .hidden = true});
}

}  // namespace

void bind_container_flags(FlagSet& flags, ContainerOptions& options) {
  bind_process_flags(flags, options);
  bind_resource_flags(flags, options);
  bind_storage_flags(flags, options);
  bind_network_flags(flags, options);
  bind_health_flags(flags, options);
  bind_old_names(flags, options);
}

}  // namespace wharf::cli
