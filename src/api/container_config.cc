#include "api/container_config.h"

#include "api/container_fields.h"

namespace wharf::api {

base::Json to_json(const ContainerConfig& config) {
  return base::to_json(config);
}
void from_json(const base::Json& json, ContainerConfig& config) {
  base::from_json(json, config);
}

base::Json to_json(const HealthConfig& config) {
  return base::to_json(config);
}
void from_json(const base::Json& json, HealthConfig& config) {
  base::from_json(json, config);
}

base::Json to_json(const EndpointSettings& settings) {
  return base::to_json(settings);
}
void from_json(const base::Json& json, EndpointSettings& settings) {
  base::from_json(json, settings);
}

}  // namespace wharf::api
