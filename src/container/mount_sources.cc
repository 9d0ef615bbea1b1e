#include "container/mount_sources.h"

#include <fcntl.h>

#include "base/error.h"
#include "container/user_space.h"
#include "os/file.h"

namespace wharf::container {

namespace {

os::DetachedMount part_of(const os::Fd& whole, const std::string& subpath, os::Depth depth) {
  return os::DetachedMount::bind(os::open_beneath(whole, subpath, O_PATH), depth);
}

}  // namespace

bool has_device(const Containers::State& state, const MountSpec& mount) {
  if (mount.type != MountSpec::Type::Volume) return false;
  const volume::Volume volume = state.services.volumes.inspect(mount.name);
  return volume.options && !volume.options->empty();
}

std::vector<base::Digest> layers_of(const Containers::State& state, const MountSpec& mount) {
  std::vector<base::Digest> layers;
  for (const std::string& id : mount.layers) layers.push_back(base::Digest::parse(id));
  if (!layers.empty()) return layers;
  return state.services.images.get(base::Digest::parse(mount.source)).diff_ids;
}

os::DetachedMount mount_source(const Containers::State& state, const MountSpec& mount,
                               const os::IdSpace* ids) {
  const os::Depth depth = mount.recursive ? os::Depth::Recursive : os::Depth::TopOnly;
  if (mount.type == MountSpec::Type::Image) {
    os::DetachedMount layers = state.services.layers.mount_image(layers_of(state, mount), ids);
    return mount.subpath.empty() ? std::move(layers) : part_of(layers.fd(), mount.subpath, depth);
  }
  if (mount.type == MountSpec::Type::Volume) {
    const os::Fd volume = state.services.volumes.open(mount.name);
    os::DetachedMount source = mount.subpath.empty() ? os::DetachedMount::bind(volume, depth)
                                                     : part_of(volume, mount.subpath, depth);
    if (ids && maps_ids(state, mount)) source.map_ids(ids->user, os::Depth::TopOnly);
    return source;
  }
  return os::DetachedMount::bind(os::open_file(mount.source, O_PATH), depth);
}

}  // namespace wharf::container
