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
  std::uint64_t bytes = 0;  ///< Apparent sizes of regular files, hard links once.
  std::uint64_t entries = 0;
  std::uint64_t disk_bytes = 0;  ///< Blocks of everything, directories and the top one too.
};

/// As `du --apparent-size` of the files in `directory`, and as `du` of all of it.
TreeSize tree_size(const Fd& directory);

}  // namespace wharf::os
