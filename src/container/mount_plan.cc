#include "container/mount_plan.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/strings.h"
#include "container/first_files.h"
#include "container/merge.h"
#include "os/file.h"
#include "os/mount.h"

namespace wharf::container {

namespace {

using base::Kind;

[[noreturn]] void duplicate(const std::string& destination) {
  base::fail(Kind::InvalidArgument, "Duplicate mount point: {}", destination);
}

bool make_working_directory(const os::Fd& root, const std::string& path) {
  try {
    const os::Fd there = os::open_in_root(root, path, O_PATH);
    return S_ISDIR(os::status(there).st_mode);
  } catch (const base::Error& error) {
    if (error.error_number() == ENOTDIR) return false;
    if (error.error_number() != ENOENT) throw;
  }
  os::make_directories_in_root(root, path);
  return true;
}

}  // namespace

MountPlan::MountPlan(Containers::State& state, Record& record)
    : state_(state), record_(record), claims_(state, record.id) {
  add_from_others();
  add_binds();
  add_mounts();
  add_tmpfs();
  add_image_volumes();
}

bool MountPlan::is_taken(const std::string& destination) const {
  const auto& mounts = record_.mounts;
  return std::any_of(mounts.begin(), mounts.end(),
                     [&](const MountSpec& each) { return each.destination == destination; });
}

void MountPlan::add(MountSpec mount) {
  std::erase_if(record_.mounts,
                [&](const MountSpec& each) { return each.destination == mount.destination; });
  copied_.erase(mount.destination);
  record_.mounts.push_back(std::move(mount));
}

void MountPlan::add_from_others() {
  for (const std::string& text : record_.host.volumes_from.value_or(std::vector<std::string>{})) {
    const VolumesFrom from = parse_volumes_from(text);
    Record donor;
    try {
      donor = state_.find(from.container)->record();
    } catch (const base::Error& error) {
      base::fail(Kind::InvalidArgument, "{}", error.what());
    }
    for (MountSpec mount : donor.mounts) {
      if (mount.type == MountSpec::Type::Tmpfs) continue;
      mount.writable = mount.writable && from.writable();
      mount.mode.clear();
      // It stays the donor's: it is not removed with this container unless it is the last.
      const std::string destination = mount.destination;
      add(std::move(mount));
      copied_.insert(destination);
    }
  }
}

void MountPlan::add_binds() {
  const auto tmpfs = record_.host.tmpfs.value_or(api::StringMap::value_type{});
  for (const std::string& text : record_.host.binds.value_or(std::vector<std::string>{})) {
    MountSpec mount = parse_bind(text, record_.host.volume_driver);
    if (!asked_.insert(mount.destination).second || tmpfs.contains(mount.destination)) {
      duplicate(mount.destination);
    }
    add(std::move(mount));
  }
}

void MountPlan::add_mounts() {
  const auto tmpfs = record_.host.tmpfs.value_or(api::StringMap::value_type{});
  for (const api::Mount& each : record_.host.mounts.value_or(std::vector<api::Mount>{})) {
    MountSpec mount = from_mount(each, true);
    if (!asked_.insert(mount.destination).second || tmpfs.contains(mount.destination)) {
      duplicate(mount.destination);
    }
    add(std::move(mount));
  }
}

void MountPlan::add_tmpfs() {
  for (const auto& [destination, options] :
       record_.host.tmpfs.value_or(api::StringMap::value_type{})) {
    const std::string place = clean_path(destination);
    if (!place.starts_with('/') || place == "/") {
      base::fail(Kind::InvalidArgument,
                 "invalid tmpfs mount point {}: must be an absolute path below /",
                 base::quoted(destination));
    }
    check_tmpfs_options(options);
    add(from_tmpfs(destination, options));
  }
}

void MountPlan::add_image_volumes() {
  for (const auto& [text, empty] : record_.config.volumes.value_or(api::StringSet::value_type{})) {
    const std::string destination = clean_path(text);
    // Docker: a place that something else is mounted at needs no volume of its own; and what
    // could be no mount point is passed over.
    if (!destination.starts_with('/') || destination == "/" || is_taken(destination)) continue;
    MountSpec mount;
    mount.type = MountSpec::Type::Volume;
    mount.destination = destination;
    mount.driver = record_.host.volume_driver.empty() ? "local" : record_.host.volume_driver;
    mount.anonymous = true;
    add(std::move(mount));
  }
}

void MountPlan::make_volumes() {
  for (MountSpec& mount : record_.mounts) claims_.settle(mount);
}

void MountPlan::prepare_rootfs() {
  const std::string& working_dir = record_.config.working_dir;
  const bool needs_directory = !working_dir.empty() && working_dir != "/";
  const bool has_volumes =
      std::any_of(record_.mounts.begin(), record_.mounts.end(), [&](const MountSpec& mount) {
        return mount.type == MountSpec::Type::Volume && !mount.no_copy &&
               !copied_.contains(mount.destination);
      });
  if (!needs_directory && !has_volumes) return;
  const os::DetachedMount rootfs = state_.services.layers.mount(record_.id, layers_of(record_));
  if (needs_directory && !make_working_directory(rootfs.fd(), working_dir)) {
    base::fail(Kind::Internal, "failed to set up the working directory: {} is not a directory",
               working_dir);
  }
  // Docker: what the engine puts into /etc and /dev is copied into a volume there as well.
  if (has_volumes) make_first_files(rootfs.fd());
  for (const MountSpec& mount : record_.mounts) {
    if (mount.type != MountSpec::Type::Volume || mount.no_copy) continue;
    if (copied_.contains(mount.destination) || !mount.subpath.empty()) continue;
    state_.services.volumes.copy_up(mount.name, rootfs.fd(), mount.destination);
  }
}

}  // namespace wharf::container
