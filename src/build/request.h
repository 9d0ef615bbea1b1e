// What a build is asked to do: the query of POST /build as values. Plain values.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/host_config.h"
#include "oci/platform.h"
#include "oci/reference.h"
#include "registry/registry.h"

namespace wharf::build {

struct Request {
  std::vector<oci::Reference> tags;
  std::string dockerfile = "Dockerfile";
  std::string remote;
  std::map<std::string, std::optional<std::string>, std::less<>>
      arguments;  ///< Null: as if it were not given.
  std::map<std::string, std::string> labels;
  std::string target;
  /// Results are found by content, so what was built here needs no naming. Images that were built
  /// elsewhere are not looked into; Docker passes over those it cannot use in silence as well.
  std::vector<std::string> cache_from;
  bool no_cache = false;
  bool pull = false;
  bool remove = true;
  bool force_remove = false;
  api::Resources limits;
  std::int64_t shm_bytes = 0;
  std::string network_mode;
  std::vector<std::string> extra_hosts;
  std::vector<std::string> security_options;
  std::optional<oci::Platform> platform;
  std::map<std::string, registry::Credentials> credentials;  ///< By registry.

  /// The language and the graph as BuildKit has them (version=2), else as Docker's first builder.
  bool graph = false;
};

}  // namespace wharf::build
