// Which system calls a container may make: a profile, resolved and compiled.
//
// A profile in Docker's form says for which capabilities, machines and kernels an entry holds;
// what is left for this container is compiled to a filter once, and kept as a sealed memfd
// that every start of the like gives to its supervisor. Any thread.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "api/host_config.h"
#include "base/json.h"
#include "container/checks.h"
#include "os/fd.h"

namespace wharf::container {

/// JSON text.
std::string_view default_seccomp_profile();

/// The profile without includes, excludes and archMap: linux.seccomp of the OCI spec. Throws
/// InvalidArgument for what is no profile.
base::Json resolve_seccomp(const base::Json& profile, const std::vector<std::string>& capabilities);

/// What a container is confined by: at most one of the two is there.
struct SeccompFilter {
  os::Fd file;  ///< A memfd of sock_filter[].
  base::Json
      profile;  ///< linux.seccomp of the OCI spec, where a filter is not all: flags, an agent.
};

class SeccompFilters {
 public:
  /// `daemon_profile`: "builtin", "unconfined", or the path of a profile, read now.
  explicit SeccompFilters(const std::string& daemon_profile);

  /// Empty where everything is allowed. Throws InvalidArgument for a profile that cannot be read.
  SeccompFilter filter(const api::HostConfig& host, const SecurityOptions& security);

 private:
  SeccompFilter compiled(std::string_view profile, const std::vector<std::string>& capabilities);

  /// Filters kept at most; each is a memfd of some KiB.
  static constexpr std::size_t kKept = 64;

  std::string daemon_profile_;
  std::mutex mutex_;
  std::map<std::string, os::Fd> filters_;  ///< By digest of profile and capabilities.
};

}  // namespace wharf::container
