// What a new container will have mounted, and the volumes that are made for it.
//
// Binds, Mounts, Tmpfs, VolumesFrom and the image's volumes become the record's one list of
// mounts. Volumes that are missing are made; those made here are removed again unless keep() is
// called. One thread.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "container/volume_claims.h"

namespace wharf::container {

class MountPlan {
 public:
  /// Fills record.mounts. Throws InvalidArgument "Duplicate mount point: /a" and the texts of
  /// mounts.h.
  MountPlan(Containers::State& state, Record& record);
  MountPlan(const MountPlan&) = delete;

  /// Makes and claims the volumes.
  void make_volumes();

  /// With the root file system at hand: the working directory is made, and empty volumes get
  /// what the image has at their place. Throws where the working directory is a file.
  void prepare_rootfs();

  /// The claims; nothing is undone any more.
  std::vector<volume::Attachment> keep() { return claims_.keep(); }

 private:
  void add_from_others();
  void add_binds();
  void add_mounts();
  void add_tmpfs();
  void add_image_volumes();
  void add(MountSpec mount);
  bool is_taken(const std::string& destination) const;

  Containers::State& state_;
  Record& record_;
  std::set<std::string> asked_;   ///< Destinations of Binds and Mounts.
  std::set<std::string> copied_;  ///< Destinations that came by VolumesFrom: no copy-up.
  VolumeClaims claims_;
};

}  // namespace wharf::container
