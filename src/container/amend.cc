#include "container/amend.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "container/checks.h"
#include "container/merge.h"
#include "container/sharing.h"
#include "container/user_space.h"

namespace wharf::container {

using base::Kind;

Amendment::Amendment(Containers::State& state, Record& record, const api::UpdateRequest& request)
    : state_(state), record_(record), claims_(state, record.id) {
  if (request.port_bindings) {
    if (record.host.network_mode != "host") ports_before_ = published_ports(record.host);
    record.host.port_bindings = request.port_bindings;
    check_ports(record.host);
    const network::PortMap wanted = published_ports(record.host);
    if (record.host.network_mode != "host") ports_ = wanted;
  }
  if (request.mounts) add_mounts(*request.mounts);
  change_labels(request);
  if (!request.env.empty()) {
    record.config.env =
        replaced_environment(record.config.env.value_or(std::vector<std::string>{}), request.env);
  }
}

void Amendment::add_mounts(const std::vector<api::Mount>& mounts) {
  for (const api::Mount& each : mounts) {
    MountSpec mount = from_mount(each, true);
    for (const MountSpec& other : record_.mounts) {
      if (other.destination != mount.destination) continue;
      base::fail(Kind::InvalidArgument, "Duplicate mount point: {}", mount.destination);
    }
    claims_.settle(mount);
    if (!record_.host.mounts) record_.host.mounts.emplace();
    record_.host.mounts->push_back(each);
    record_.mounts.push_back(mount);
    mounts_.push_back(std::move(mount));
  }
}

void Amendment::change_labels(const api::UpdateRequest& request) {
  for (const auto& [name, value] : request.labels) {
    if (!record_.config.labels) record_.config.labels.emplace();
    if (value) {
      record_.config.labels->insert_or_assign(name, *value);
    } else {
      record_.config.labels->erase(name);
    }
  }
}

void Amendment::copy_up(const os::Fd& rootfs) {
  for (const MountSpec& mount : mounts_) {
    const bool copied = mount.type == MountSpec::Type::Volume && !mount.no_copy;
    if (copied && mount.subpath.empty())
      state_.services.volumes.copy_up(mount.name, rootfs, mount.destination);
  }
}

void Amendment::apply_at_rest() {
  const bool copies = std::ranges::any_of(mounts_, [](const MountSpec& mount) {
    return mount.type == MountSpec::Type::Volume && !mount.no_copy;
  });
  if (copies) copy_up(state_.services.layers.mount(record_.id, layers_of(record_)).fd());
}

void Amendment::apply(Run& run) {
  const auto ids = ids_of_running(run);
  if (ids) {
    // Its root shows the ids that it has on the host; volumes have those that it sees.
    copy_up(state_.services.layers.mount_image(layers_of(record_)).fd());
  } else if (const os::Fd rootfs = run.copy_of(run.rootfs)) {
    copy_up(rootfs);
  }
  live_.emplace(state_, run, mounts_, ids ? &*ids : nullptr);
  if (!ports_) return;
  state_.services.networks.publish(run.sandbox, *ports_);
  published_ = &run;
}

void Amendment::keep(Container& container) {
  for (volume::Attachment& claim : claims_.keep())
    container.volume_claims.push_back(std::move(claim));
  published_ = nullptr;
  live_.reset();
}

Amendment::~Amendment() {
  if (live_) live_->undo();
  if (!published_) return;
  try {
    state_.services.networks.publish(published_->sandbox, ports_before_);
  } catch (const base::Error& error) {
    base::log_error("ports of container {}: {}", record_.id, error.what());
  }
}

}  // namespace wharf::container
