// Copies a directory tree by descriptors: what an image has at a volume's place, into the volume.
//
// No path is ever walked twice and no link is followed, in either tree; only directories and
// regular files are opened (a FIFO would hang). Owner, mode, times, extended attributes and
// hard links are kept. Any thread. Throws base::Error.
#pragma once

#include <cstdint>

#include "os/fd.h"

namespace wharf::volume {

/// Directories deeper than this are an Error TooLarge: each level holds two descriptors.
inline constexpr int kCopyDepth = 400;

/// Copies what is in `from` into `to`, both opened O_RDONLY, and makes `to` itself like `from`.
void copy_tree(const os::Fd& from, const os::Fd& to);

bool is_empty_directory(const os::Fd& directory);

/// Bytes on disk below `directory`, hard links once.
std::uint64_t tree_bytes(const os::Fd& directory);

}  // namespace wharf::volume
