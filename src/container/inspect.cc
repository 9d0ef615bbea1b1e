// GET /containers/{id}/json.
#include "base/error.h"
#include "base/strings.h"
#include "container/health.h"
#include "container/merge.h"
#include "container/showing.h"
#include "container/state.h"

namespace wharf::container {

namespace {

api::ContainerState shown_state(const Container& container, const View& view) {
  api::ContainerState state;
  state.status = view.status();
  state.running = view.running();
  state.paused = std::holds_alternative<Paused>(view.state);
  state.restarting = std::holds_alternative<Restarting>(view.state);
  state.dead = std::holds_alternative<Dead>(view.state);
  const Ended last = view.last();
  if (const auto run = view.run()) state.pid = run->task.pid();
  state.exit_code = last.exit_code;
  state.error = last.error;
  state.oom_killed = last.oom_killed;
  state.started_at = base::rfc3339_nano(last.started_at);
  state.finished_at = base::rfc3339_nano(last.finished_at);
  if (const auto health = container.health()) state.health = shown_health(*health);
  return state;
}

api::PortBindings shown_ports(const network::PortMap& ports) {
  api::PortBindings shown;
  for (const auto& [port, bindings] : ports) {
    auto& list = shown[port.text()];
    if (!bindings) continue;
    list.emplace();
    for (const auto& binding : *bindings) list->push_back({binding.host_ip, binding.host_port});
  }
  return shown;
}

}  // namespace

std::map<std::string, api::EndpointSettings> shown_endpoints(const Record& record,
                                                             const View& view) {
  std::map<std::string, api::EndpointSettings> shown = record.endpoints;
  const auto run = view.run();
  if (!run) {
    for (auto& [name, endpoint] : shown) endpoint.dns_names.reset();
    return shown;
  }
  const std::lock_guard lock(run->endpoints_mutex);
  for (const network::EndpointInfo& info : run->endpoints) {
    api::EndpointSettings& endpoint = shown[info.network_name];
    endpoint.network_id = info.network_id;
    endpoint.endpoint_id = info.endpoint_id;
    endpoint.gateway = info.gateway;
    endpoint.ip_address = info.ip_address;
    endpoint.ip_prefix_len = info.ip_prefix_len;
    endpoint.mac_address = info.mac_address;
    if (!info.dns_names.empty()) endpoint.dns_names = info.dns_names;
  }
  return shown;
}

std::vector<api::MountPoint> shown_mounts(const Record& record) {
  std::vector<api::MountPoint> points;
  for (const MountSpec& mount : record.mounts) {
    // Docker: what --tmpfs made is in HostConfig.Tmpfs and not here.
    const bool from_flag =
        mount.type == MountSpec::Type::Tmpfs && record.host.tmpfs &&
        std::any_of(record.host.tmpfs->begin(), record.host.tmpfs->end(),
                    [&](const auto& each) { return clean_path(each.first) == mount.destination; });
    if (!from_flag) points.push_back(shown(mount));
  }
  std::sort(points.begin(), points.end(),
            [](const auto& a, const auto& b) { return a.destination < b.destination; });
  return points;
}

api::ContainerInspect Containers::inspect(std::string_view name, bool size) {
  const ContainerPointer container = state_->find(name);
  const Record record = container->record();
  const View view = container->view();
  const os::Path files = state_->directory(record.id);

  api::ContainerInspect shown;
  shown.id = record.id;
  shown.created = base::rfc3339_nano(record.created);
  const auto entrypoint = record.config.entrypoint.value_or(std::vector<std::string>{});
  const auto arguments = record.config.cmd.value_or(std::vector<std::string>{});
  std::vector<std::string> command = entrypoint;
  command.insert(command.end(), arguments.begin(), arguments.end());
  if (!command.empty()) {
    shown.path = command.front();
    shown.args.assign(command.begin() + 1, command.end());
  }
  shown.state = shown_state(*container, view);
  shown.image = record.image_id;
  shown.name = "/" + record.name;
  shown.restart_count = view.restart_count;
  shown.driver = "overlayfs";
  shown.platform = record.platform;
  shown.host_config = record.host;
  shown.config = record.config;
  // Docker: older clients look here for the address that was asked for.
  const auto main = record.endpoints.find(record.host.network_mode);
  if (main != record.endpoints.end()) shown.config.mac_address = main->second.mac_address;
  shown.mounts = shown_mounts(record);
  if (!std::holds_alternative<Created>(view.state)) {
    shown.resolv_conf_path = files / "resolv.conf";
    shown.hostname_path = files / "hostname";
    shown.hosts_path = files / "hosts";
    // Docker: the other drivers' files are nobody else's affair.
    if (record.host.log_config.type == "json-file")
      shown.log_path = files / (record.id + "-json.log");
  }
  const std::vector<std::string> execs = state_->execs_of(record.id);
  if (!execs.empty()) shown.exec_ids = execs;
  shown.network_settings.networks = shown_endpoints(record, view);
  if (const auto run = view.run()) {
    const std::lock_guard lock(run->endpoints_mutex);
    shown.network_settings.ports = shown_ports(run->ports);
    if (!run->sandbox_id.empty()) {
      shown.network_settings.sandbox_id = run->sandbox_id;
      shown.network_settings.sandbox_key = fmt::format("/proc/{}/ns/net", run->task.pid());
    }
  }
  shown.image_manifest_descriptor = record.image_descriptor;
  if (size) {
    shown.size_rw = static_cast<std::int64_t>(state_->services.layers.writable_size(record.id));
    shown.size_root_fs = *shown.size_rw + image_bytes(*state_, record);
  }
  return shown;
}

}  // namespace wharf::container
