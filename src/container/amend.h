// What update changes beyond Docker: published ports, further mounts, labels, environment.
//
// Additions to Docker's API, documented in docs/additions.md.
//
//   Amendment amendment(state, container, record, request);   // checked, and in the record
//   amendment.apply(*run);                                     // of one that runs
//   ... make the record durable ...
//   amendment.keep(*container);                                // else all is undone
//
// One thread, which holds the Turn.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "container/live_mounts.h"
#include "container/volume_claims.h"

namespace wharf::container {

class Amendment {
 public:
  /// Throws InvalidArgument for bad ports and mounts, "Duplicate mount point: /a".
  Amendment(Containers::State& state, Record& record, const api::UpdateRequest& request);
  ~Amendment();
  Amendment(const Amendment&) = delete;

  /// Ports and mounts, at once. Throws what Networks::publish() and LiveMounts throw.
  void apply(Run& run);
  /// Of one that does not run: new volumes get what the image has at their place.
  void apply_at_rest();
  void keep(Container& container);

  bool changes_network() const { return ports_.has_value(); }

 private:
  void add_mounts(const std::vector<api::Mount>& mounts);
  void copy_up(const os::Fd& rootfs);
  void change_labels(const api::UpdateRequest& request);

  Containers::State& state_;
  Record& record_;
  VolumeClaims claims_;
  std::optional<network::PortMap> ports_;  ///< To be published.
  network::PortMap ports_before_;
  std::vector<MountSpec> mounts_;
  std::optional<LiveMounts> live_;
  Run* published_ = nullptr;
};

}  // namespace wharf::container
