// Pulling an image with progress: the pull command, and run on a missing image.
#pragma once

#include <string>

#include "cli/command.h"
#include "oci/reference.h"

namespace wharf::cli {

struct PullRequest {
  oci::Reference reference;  ///< With tag or digest, unless `all_tags`.
  std::string platform;
  bool all_tags = false;
  bool quiet = false;
  bool to_stderr = false;  ///< run: standard output belongs to the container.
};

/// Throws Exit or DaemonError with the daemon's words.
void pull_image(Invocation& call, const PullRequest& request);

/// The X-Registry-Auth header for a registry from config.json and credential programs; ""
/// where nothing is known of it.
std::string registry_auth(Invocation& call, const std::string& domain);

/// "linux/arm64/v8" as the OCI platform object of newer API versions.
std::string platform_json(const std::string& text);

/// The flag or $DOCKER_DEFAULT_PLATFORM.
std::string wanted_platform(const std::string& flag);

}  // namespace wharf::cli
