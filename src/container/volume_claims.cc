#include "container/volume_claims.h"

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "image/images.h"

namespace wharf::container {

using base::Kind;

VolumeClaims::~VolumeClaims() {
  if (kept_) return;
  claims_.clear();
  for (const std::string& name : made_) {
    try {
      state_.services.volumes.remove(name, true);
    } catch (const base::Error& error) {
      base::log_error("undo creation of volume {}: {}", name, error.what());
    }
  }
}

void VolumeClaims::settle(MountSpec& mount) {
  if (mount.type == MountSpec::Type::Image) {
    mount.source = state_.services.images.resolve(mount.name).id.text();
  } else if (mount.type == MountSpec::Type::Volume) {
    claim(mount);
  }
}

void VolumeClaims::claim(MountSpec& mount) {
  // Docker: an unknown driver is told before a name that is too short.
  if (mount.driver != "local") {
    base::fail(Kind::NotFound, "create {}: error looking up volume plugin {}: plugin {} not found",
               mount.name, mount.driver, base::quoted(mount.driver));
  }
  volume::CreateOptions options;
  options.name = mount.name;
  options.driver = mount.driver;
  options.labels = mount.labels;
  options.driver_options = mount.driver_options;
  bool existed = false;
  if (!mount.name.empty()) {
    try {
      state_.services.volumes.inspect(mount.name);
      existed = true;
    } catch (const base::Error&) {
      existed = false;
    }
  }
  volume::Volume volume;
  volume::Attachment claim =
      state_.services.volumes.create_attached(options, container_id_, volume);
  if (!existed) made_.push_back(volume.name);
  mount.name = volume.name;
  mount.source = volume.mountpoint;
  claims_.push_back(std::move(claim));
}

std::vector<volume::Attachment> VolumeClaims::keep() {
  kept_ = true;
  return std::move(claims_);
}

}  // namespace wharf::container
