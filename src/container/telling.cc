// Events about containers, their networks and their volumes; and their logs to other places.
#include "base/error.h"
#include "base/event.h"
#include "container/log_options.h"
#include "container/state.h"

namespace wharf::container {

void Containers::State::publish(const Record& record, const std::string& action,
                                std::map<std::string, std::string> attributes) const {
  // Docker: labels are attributes; what the event itself says wins.
  for (const auto& [key, value] : record.config.labels.value_or(api::StringMap::value_type{})) {
    attributes.try_emplace(key, value);
  }
  attributes["image"] = record.config.image;
  attributes["name"] = record.name;
  services.events.publish({"container", action, record.id, std::move(attributes), {}});
}

void Containers::State::publish_network(const Record& record, const Run& run,
                                        const char* action) const {
  for (const network::EndpointInfo& endpoint : run.endpoints) {
    std::string driver = "bridge";
    if (endpoint.network_name == "host") driver = "host";
    if (endpoint.network_name == "none") driver = "null";
    services.events.publish(
        {"network",
         action,
         endpoint.network_id,
         {{"container", record.id}, {"name", endpoint.network_name}, {"type", driver}},
         {}});
  }
}

void Containers::State::publish_volumes(const Record& record, const char* action) const {
  for (const MountSpec& mount : record.mounts) {
    if (mount.type != MountSpec::Type::Volume) continue;
    std::map<std::string, std::string> attributes = {{"container", record.id}};
    if (std::string_view(action) == "mount") {
      attributes["destination"] = mount.destination;
      attributes["driver"] = mount.driver;
      attributes["propagation"] = mount.propagation;
      attributes["read/write"] = mount.writable ? "true" : "false";
    } else {
      attributes["driver"] = mount.driver;
    }
    services.events.publish({"volume", action, mount.name, std::move(attributes), {}});
  }
}

void Containers::State::ship_log(const Record& record, Shipping when) {
  if (!shipping::ships(record.host.log_config.type)) return;
  const supervise::LogOptions files = log_options(record);
  shipping::Request request;
  request.subject = log_subject(record);
  request.directory = directory(record.id);
  request.name = files.name;
  request.max_files = files.max_files;
  request.connect = when == Shipping::Starting;
  request.ended = when == Shipping::Ended;
  try {
    shipper.start(request);
  } catch (const base::Error& error) {
    base::fail(base::Kind::Internal,
               "failed to create task for container: failed to initialize logging driver: {}",
               error.what());
  }
}

}  // namespace wharf::container
