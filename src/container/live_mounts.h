// Further mounts for a container that runs.
#pragma once

#include <span>

#include "container/container.h"
#include "container/state.h"
#include "os/user_namespace.h"

namespace wharf::container {

/// Attached in the container's mount namespace, all or none; `undo()` takes them off again. The
/// place is made where it is missing. Whatever the container does meanwhile, nothing outside its
/// root is touched (openat2(2) RESOLVE_IN_ROOT, in its own namespace). One thread.
class LiveMounts {
 public:
  /// Throws base::Error; a read-only root file system without the place is one reason.
  /// `ids`: of the container's user namespace, or null.
  LiveMounts(const Containers::State& state, const Run& run, std::span<const MountSpec> mounts,
             const os::IdSpace* ids);
  void undo() noexcept;

 private:
  os::Fd namespace_;
  std::vector<std::string> attached_;  ///< Destinations, in order.
};

}  // namespace wharf::container
