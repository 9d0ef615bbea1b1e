// The volumes that a container's mounts are of: made where they are missing, and claimed.
//
// Volumes that were made here are removed again unless keep() is called. One thread.
#pragma once

#include <string>
#include <vector>

#include "container/state.h"
#include "volume/volumes.h"

namespace wharf::container {

class VolumeClaims {
 public:
  VolumeClaims(Containers::State& state, std::string container_id)
      : state_(state), container_id_(std::move(container_id)) {}
  ~VolumeClaims();
  VolumeClaims(const VolumeClaims&) = delete;

  /// Fills in what is decided now: name and path of a volume, the id of an image. Throws NotFound
  /// for an unknown driver or image.
  void settle(MountSpec& mount);

  /// The claims; nothing is undone any more.
  std::vector<volume::Attachment> keep();

 private:
  void claim(MountSpec& mount);

  Containers::State& state_;
  const std::string container_id_;
  std::vector<std::string> made_;
  std::vector<volume::Attachment> claims_;
  bool kept_ = false;
};

}  // namespace wharf::container
