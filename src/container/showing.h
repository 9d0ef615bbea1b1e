// Parts of what inspect and the list show.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "container/state.h"

namespace wharf::container {

/// By network, with what the network gave while the container runs.
std::map<std::string, api::EndpointSettings> shown_endpoints(const Record& record,
                                                             const View& view);
std::vector<api::MountPoint> shown_mounts(const Record& record);

/// Bytes of the image's layers.
std::int64_t image_bytes(const Containers::State& state, const Record& record);

/// "Up 2 hours (healthy)", "Exited (0) 3 minutes ago".
std::string status_text(const Container& container, const View& view, base::Time now);

/// As Go's units.HumanDuration: "Less than a second", "About a minute", "3 weeks".
std::string human_duration(std::int64_t ns);

}  // namespace wharf::container
