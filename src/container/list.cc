// GET /containers/json.
#include "base/error.h"
#include "base/strings.h"
#include "container/health.h"
#include "container/list_filter.h"
#include "container/showing.h"
#include "container/state.h"

namespace wharf::container {

namespace {

/// Docker: arguments with a space are shown in quotes.
std::string command_line(const api::ContainerConfig& config) {
  std::vector<std::string> words = config.entrypoint.value_or(std::vector<std::string>{});
  const auto arguments = config.cmd.value_or(std::vector<std::string>{});
  words.insert(words.end(), arguments.begin(), arguments.end());
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i].find(' ') != std::string::npos) words[i] = "'" + words[i] + "'";
  }
  return base::join(words, " ");
}

std::vector<api::SummaryPort> ports_of(const View& view) {
  std::vector<api::SummaryPort> ports;
  const auto run = view.run();
  if (!run) return ports;
  const std::lock_guard lock(run->endpoints_mutex);
  for (const auto& [port, bindings] : run->ports) {
    api::SummaryPort shown;
    shown.private_port = port.number;
    shown.type = network::protocol_name(port.protocol);
    if (!bindings) ports.push_back(shown);
    for (const auto& binding : bindings.value_or(std::vector<network::PortBinding>{})) {
      shown.ip = binding.host_ip;
      shown.public_port = static_cast<std::uint16_t>(std::atoi(binding.host_port.c_str()));
      ports.push_back(shown);
    }
  }
  std::sort(ports.begin(), ports.end(), [](const auto& a, const auto& b) {
    return std::tie(a.ip, a.private_port, a.public_port, a.type) <
           std::tie(b.ip, b.private_port, b.public_port, b.type);
  });
  return ports;
}

/// Names by which other containers know this one (--link), by its id.
std::multimap<std::string, std::string> link_names(const std::vector<ContainerPointer>& all) {
  std::multimap<std::string, std::string> names;
  for (const ContainerPointer& container : all) {
    const auto record = container->shared_record();
    for (const auto& [alias, id] : record->links)
      names.emplace(id, "/" + record->name + "/" + alias);
  }
  return names;
}

struct Lister {
  Containers::State& state;
  const ListOptions& options;
  std::map<std::string, std::string> ids;  ///< Of image references met so far.
  base::Time now = base::now();

  /// Docker: the reference, as long as it still means this image.
  std::string image_name(const Record& record) {
    const auto [it, added] = ids.try_emplace(record.config.image);
    if (added) {
      try {
        it->second = state.services.images.resolve_id(record.config.image).text();
      } catch (const base::Error&) {
        it->second.clear();
      }
    }
    return it->second == record.image_id ? record.config.image : record.image_id;
  }

  api::ContainerSummary summary(const Container& container, const Record& record,
                                const View& view) {
    api::ContainerSummary shown;
    shown.id = record.id;
    shown.image = image_name(record);
    shown.image_id = record.image_id;
    shown.command = command_line(record.config);
    shown.created = record.created.unix_ns / 1'000'000'000;
    if (options.size) {
      shown.size_rw = static_cast<std::int64_t>(state.services.layers.writable_size(record.id));
      shown.size_root_fs = shown.size_rw + image_bytes(state, record);
    }
    shown.labels = record.config.labels.value_or(api::StringMap::value_type{});
    shown.state = view.status();
    shown.status = status_text(container, view, now);
    shown.host_config.network_mode = record.host.network_mode;
    shown.host_config.annotations = record.host.annotations;
    api::SummaryHealth health{"none", 0};
    if (const auto checks = container.health()) {
      const api::Health seen = shown_health(*checks);
      health = {seen.status, seen.failing_streak};
    }
    shown.health = health;
    shown.network_settings.networks = shown_endpoints(record, view);
    shown.mounts = shown_mounts(record);
    shown.image_manifest_descriptor = record.image_descriptor;
    return shown;
  }
};

}  // namespace

std::vector<api::ContainerSummary> Containers::list(const ListOptions& options) {
  const ListFilter filter(*state_, options);
  const std::vector<ContainerPointer> all = state_->all();
  const auto links = link_names(all);
  Lister lister{*state_, options, {}};

  std::vector<std::pair<std::shared_ptr<const Record>, ContainerPointer>> newest;
  for (const ContainerPointer& container : all)
    newest.emplace_back(container->shared_record(), container);
  std::sort(newest.begin(), newest.end(),
            [](const auto& a, const auto& b) { return a.first->created > b.first->created; });

  std::vector<api::ContainerSummary> list;
  for (const auto& [kept, container] : newest) {
    if (options.limit > 0 && list.size() == static_cast<std::size_t>(options.limit)) break;
    const Record& record = *kept;
    const View view = container->view();
    std::vector<std::string> names = {"/" + record.name};
    const auto [first, last] = links.equal_range(record.id);
    for (auto it = first; it != last; ++it) names.push_back(it->second);
    const std::vector<api::SummaryPort> ports = ports_of(view);
    if (!filter.includes({*container, record, view, ports, names})) continue;
    api::ContainerSummary summary = lister.summary(*container, record, view);
    summary.names = std::move(names);
    summary.ports = ports;
    list.push_back(std::move(summary));
  }
  return list;
}

}  // namespace wharf::container
