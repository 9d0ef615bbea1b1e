// The Dockerfile instructions that `docker import --change` and `docker commit --change` take:
// CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL ONBUILD STOPSIGNAL USER VOLUME WORKDIR.
#pragma once

#include <string>
#include <vector>

#include "oci/image_config.h"

namespace wharf::image {

inline constexpr std::size_t kChangesLimit = 1000;

/// Applies the lines in order. Throws InvalidArgument: "RUN is not a valid change command",
/// or what is wrong with a line.
void apply_changes(oci::RunConfig& config, const std::vector<std::string>& changes);

}  // namespace wharf::image
