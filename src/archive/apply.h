// Unpacks a tar of a stranger into a directory.
//
//   read header ─► clean name ─► resolve parent ─► file: to the writers
//                                                └► other: made here, at once
//
// As a layer: whiteouts (".wh.NAME", ".wh..wh..opq") become what overlayfs understands (a
// character device 0:0, trusted.overlay.opaque), replaced files are set aside, and everything
// goes into a record. As a plain archive: into an existing tree, replacing what is there.
// Works with umask 0. Throws base::Error, naming the entry. One call per directory at a time.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "archive/limits.h"
#include "archive/source.h"
#include "archive/tar_record.h"
#include "os/fd.h"

namespace wharf::archive {

enum class Whiteouts { Overlay, Plain };

struct ApplyOptions {
  Limits limits;
  Whiteouts whiteouts = Whiteouts::Overlay;
  unsigned writers = 2;           ///< Threads that write files; 0 for none.
  const os::Fd* aside = nullptr;  ///< Where replaced files go; without it they are removed.
  RecordWriter* record = nullptr;
  std::function<void()> ready = {};  ///< All threads are there; nothing has been read yet.
};

struct Applied {
  std::uint64_t bytes = 0;  ///< Of file content.
  std::uint64_t entries = 0;
  std::uint64_t skipped_xattrs = 0;  ///< Not on the allow list, or not known to the file system.
  std::vector<std::string> implied;  ///< Directories made only because something is in them.
  std::vector<SetAside> set_aside;
};

/// Reads `tar` (uncompressed) to its end.
Applied apply(Source& tar, const os::Fd& directory, const ApplyOptions& options);

}  // namespace wharf::archive
