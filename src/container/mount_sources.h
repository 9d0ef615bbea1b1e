// What is mounted for a MountSpec, as a mount of its own that is attached nowhere yet.
#pragma once

#include "container/state.h"
#include "os/mount.h"
#include "os/user_namespace.h"

namespace wharf::container {

/// The layers of the image that is mounted.
std::vector<base::Digest> layers_of(const Containers::State& state, const MountSpec& mount);

/// Of a volume, a part of one, a bind or an image; not for tmpfs. Throws base::Error with ENOENT
/// where a bind's source is missing, NotFound where a volume or image is. With `ids` what is the
/// engine's own has the ids of a container in that user namespace.
os::DetachedMount mount_source(const Containers::State& state, const MountSpec& mount,
                               const os::IdSpace* ids = nullptr);

/// Whether a volume is a directory of the host, by the options it was made with (o=bind).
bool has_device(const Containers::State& state, const MountSpec& mount);

}  // namespace wharf::container
