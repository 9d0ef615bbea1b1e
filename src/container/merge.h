// What a container runs: what the user asked for, and for the rest what its image says.
#pragma once

#include <string>
#include <vector>

#include "api/container_config.h"
#include "oci/image_config.h"

namespace wharf::container {

/// Fills in `config` by Docker's rules (reference/hostconfig.md, section 7).
void merge(api::ContainerConfig& config, const oci::RunConfig& image);

/// The program and its arguments. Throws InvalidArgument "no command specified".
std::vector<std::string> command_of(const api::ContainerConfig& config);

/// `base` with the variables of `over` put over it, by name; "NAME" alone unsets.
std::vector<std::string> replaced_environment(std::vector<std::string> base,
                                              const std::vector<std::string>& over);

/// "/tmp/../tmp//x/" is "/tmp/x". Docker: filepath.Clean.
std::string clean_path(const std::string& path);

}  // namespace wharf::container
