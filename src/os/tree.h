// Trees of strangers: removed and measured by descriptor, however deep they are.
//
// Neither follows a link nor leaves the file system it started on. Throws base::Error.
#pragma once

#include <cstdint>
#include <string>

#include "os/fd.h"

namespace wharf::os {

/// Removes what is called `name` in `directory`, with all that is in it. Missing is no error.
/// Needs a bounded number of descriptors and no recursion: deep directories are moved up first.
void remove_beneath(const Fd& directory, const std::string& name);

struct TreeSize {
  std::uint64_t bytes = 0;  ///< Allocated on the disk, hard links once: a hole costs nothing.
  std::uint64_t entries = 0;
};

/// As `du` of `directory`, which counts too.
TreeSize tree_size(const Fd& directory);

}  // namespace wharf::os
