// The answers that describe a container: inspect and the list.
#include "api/container.h"
#include "api/container_fields.h"
#include "base/fields_text.h"

namespace wharf::base {

template <>
struct Fields<api::MountPoint> {
  using T = api::MountPoint;
  static constexpr auto table = std::make_tuple(
      field("Type", &T::type, kOmit), field("Name", &T::name, kOmit), field("Source", &T::source),
      field("Destination", &T::destination), field("Driver", &T::driver, kOmit),
      field("Mode", &T::mode), field("RW", &T::rw), field("Propagation", &T::propagation));
};

template <>
struct Fields<api::HealthResult> {
  using T = api::HealthResult;
  static constexpr auto table =
      std::make_tuple(field("Start", &T::start), field("End", &T::end),
                      field("ExitCode", &T::exit_code), field("Output", &T::output));
};

template <>
struct Fields<api::Health> {
  using T = api::Health;
  static constexpr auto table =
      std::make_tuple(field("Status", &T::status), field("FailingStreak", &T::failing_streak),
                      field("Log", &T::log));
};

template <>
struct Fields<api::ContainerState> {
  using T = api::ContainerState;
  static constexpr auto table = std::make_tuple(
      field("Status", &T::status), field("Running", &T::running), field("Paused", &T::paused),
      field("Restarting", &T::restarting), field("OOMKilled", &T::oom_killed),
      field("Dead", &T::dead), field("Pid", &T::pid), field("ExitCode", &T::exit_code),
      field("Error", &T::error), field("StartedAt", &T::started_at),
      field("FinishedAt", &T::finished_at), field("Health", &T::health, kOmit));
};

template <>
struct Fields<api::NetworkSettings> {
  using T = api::NetworkSettings;
  static constexpr auto table =
      std::make_tuple(field("SandboxID", &T::sandbox_id), field("SandboxKey", &T::sandbox_key),
                      field("Ports", &T::ports), field("Networks", &T::networks));
};

template <>
struct Fields<api::ContainerInspect> {
  using T = api::ContainerInspect;
  static constexpr auto table = std::make_tuple(
      field("Id", &T::id), field("Created", &T::created), field("Path", &T::path),
      field("Args", &T::args), field("State", &T::state), field("Image", &T::image),
      field("ResolvConfPath", &T::resolv_conf_path), field("HostnamePath", &T::hostname_path),
      field("HostsPath", &T::hosts_path), field("LogPath", &T::log_path), field("Name", &T::name),
      field("RestartCount", &T::restart_count), field("Driver", &T::driver),
      field("Platform", &T::platform), field("MountLabel", &T::mount_label),
      field("ProcessLabel", &T::process_label), field("AppArmorProfile", &T::app_armor_profile),
      field("ExecIDs", &T::exec_ids), field("HostConfig", &T::host_config),
      field("SizeRw", &T::size_rw, kOmit), field("SizeRootFs", &T::size_root_fs, kOmit),
      field("Mounts", &T::mounts), field("Config", &T::config),
      field("NetworkSettings", &T::network_settings),
      field("ImageManifestDescriptor", &T::image_manifest_descriptor, kOmit));
};

template <>
struct Fields<api::SummaryPort> {
  using T = api::SummaryPort;
  static constexpr auto table =
      std::make_tuple(field("IP", &T::ip, kOmit), field("PrivatePort", &T::private_port),
                      field("PublicPort", &T::public_port, kOmit), field("Type", &T::type));
};

template <>
struct Fields<api::SummaryHostConfig> {
  using T = api::SummaryHostConfig;
  static constexpr auto table = std::make_tuple(field("NetworkMode", &T::network_mode, kOmit),
                                                field("Annotations", &T::annotations, kOmit));
};

template <>
struct Fields<api::SummaryNetworkSettings> {
  static constexpr auto table =
      std::make_tuple(field("Networks", &api::SummaryNetworkSettings::networks));
};

template <>
struct Fields<api::SummaryHealth> {
  using T = api::SummaryHealth;
  static constexpr auto table =
      std::make_tuple(field("Status", &T::status), field("FailingStreak", &T::failing_streak));
};

template <>
struct Fields<api::ContainerSummary> {
  using T = api::ContainerSummary;
  static constexpr auto table = std::make_tuple(
      field("Id", &T::id), field("Names", &T::names), field("Image", &T::image),
      field("ImageID", &T::image_id), field("Command", &T::command), field("Created", &T::created),
      field("Ports", &T::ports), field("SizeRw", &T::size_rw, kOmit),
      field("SizeRootFs", &T::size_root_fs, kOmit), field("Labels", &T::labels),
      field("State", &T::state), field("Status", &T::status), field("HostConfig", &T::host_config),
      field("Health", &T::health, kOmit), field("NetworkSettings", &T::network_settings),
      field("Mounts", &T::mounts),
      field("ImageManifestDescriptor", &T::image_manifest_descriptor, kOmit));
};

}  // namespace wharf::base

namespace wharf::api {

base::Json to_json(const ContainerInspect& inspect) {
  return base::to_json(inspect);
}

void from_json(const base::Json& json, ContainerInspect& inspect) {
  base::from_json(json, inspect);
  inspect.host_config.console_size.resize(2);
}

base::Json to_json(const ContainerSummary& summary) {
  return base::to_json(summary);
}
std::string to_text(const std::vector<ContainerSummary>& summaries) {
  constexpr std::size_t kUsual = 2048;
  std::string text;
  text.reserve(summaries.size() * kUsual);
  base::append_text(text, summaries);
  return text;
}
void from_json(const base::Json& json, ContainerSummary& summary) {
  base::from_json(json, summary);
}

}  // namespace wharf::api
