// A tree that was made here becomes a layer: its tar is only measured, and recorded so that
// write_tar() (tar_record.h) can make it when somebody asks for it. Nothing is packed.
//
// The tree is an upper directory of overlayfs: a character device 0:0 is a whiteout, the extended
// attribute trusted.overlay.opaque makes a directory opaque; the tar has them as OCI's names
// (".wh.x", ".wh..wh..opq"). Sockets cannot be in a tar: they are removed. Nobody else may change
// the tree meanwhile. Throws base::Error.
#pragma once

#include <cstdint>

#include "base/digest.h"
#include "os/fd.h"

namespace wharf::archive {

struct Sealed {
  base::Digest diff_id;         ///< Of the tar.
  std::uint64_t bytes = 0;      ///< Of file content.
  std::uint64_t tar_bytes = 0;  ///< Of the whole tar.
  std::uint64_t entries = 0;
};

/// Reads every file below `tree` once, and writes the record to `record`.
Sealed seal(const os::Fd& tree, const os::Fd& record);

}  // namespace wharf::archive
