#include "api/host_config.h"

#include "api/host_config_fields.h"

namespace wharf::api {

base::Json to_json(const HostConfig& config) {
  return base::to_json(config);
}

void from_json(const base::Json& json, HostConfig& config) {
  base::from_json(json, config, "HostConfig");
  // Go reads a fixed array: what is missing is zero, what is too much is dropped.
  config.console_size.resize(2);
}

}  // namespace wharf::api
