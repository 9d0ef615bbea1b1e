// Who a container's process is: `user[:group]` looked up in the image's own files.
//
// /etc/passwd and /etc/group are a stranger's: they are opened by descriptor inside the root
// (never out of it), without blocking on a FIFO, only where they are regular files, and read
// at most kUserFileLimit bytes of. A number is a number and never a name. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "os/fd.h"

namespace wharf::container {

inline constexpr std::size_t kUserFileLimit = 10 << 20;

struct Identity {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;  ///< Supplementary, without duplicates.
  std::string home = "/";

  auto operator<=>(const Identity&) const = default;
};

/// `user` is "", "name", "1000", "name:group" ...; `groups` are those of --group-add. Throws
/// InvalidArgument "unable to find user x: no matching entries in passwd file", TooLarge
/// naming the limit.
Identity find_identity(const os::Fd& root, std::string_view user,
                       const std::vector<std::string>& groups);

/// As find_identity(), from the contents of the two files.
Identity find_identity(std::string_view passwd, std::string_view group, std::string_view user,
                       const std::vector<std::string>& groups);

}  // namespace wharf::container
