// --mount and -v of run and create.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace wharf::cli {

/// "type=bind,src=/a,dst=/b,ro" as the API's Mount. Throws UsageError.
base::Json parse_mount(const std::string& text);

struct Volumes {
  std::vector<std::string> binds;      ///< HostConfig.Binds: host paths and named volumes.
  std::vector<std::string> anonymous;  ///< Config.Volumes.
};

/// Sorts the -v values; a path that begins with '.' is made absolute.
Volumes sort_volumes(const std::vector<std::string>& given);

}  // namespace wharf::cli
