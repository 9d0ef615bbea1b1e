// Looks at one container: what it has used up to now.
//
// Its cgroup's directories stay open between two looks. One thread at a time.
#pragma once

#include <cstdint>

#include "api/stats.h"
#include "cgroup/group.h"
#include "container/container.h"
#include "container/settings.h"

namespace wharf::container {

class Probe {
 public:
  explicit Probe(ContainerPointer container) : container_(std::move(container)) {}

  /// Without the members of the moment before. Of a container that does not run: its names, and
  /// nothing else.
  api::ContainerStats look(const Settings& settings);

  const Container& container() const { return *container_; }

 private:
  bool open(const Settings& settings, const Record& record, std::uint64_t run);

  ContainerPointer container_;
  cgroup::Group group_;
  std::uint64_t run_ = 0;  ///< The one that `group_` is of.
};

/// Puts what was at `before` into `now`.
void set_before(api::ContainerStats& now, const api::ContainerStats& before);

/// "some avg10=0.00 avg60=0.00 avg300=0.00 total=0", and perhaps "full ..."; nothing for what is
/// no pressure file.
std::optional<api::Pressure> parse_pressure(std::string_view text);

/// /proc/PID/net/dev, without the loopback.
std::map<std::string, api::NetworkStats> parse_network_devices(std::string_view text);

}  // namespace wharf::container
