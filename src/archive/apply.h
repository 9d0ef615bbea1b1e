// Unpacks a tar of a stranger into a directory.
//
//   read header ─► clean name ─► resolve parent ─► file: to the writers
//                                                └► other: made here, at once
//
// As a layer: whiteouts (".wh.NAME", ".wh..wh..opq") become what overlayfs understands (a
// character device 0:0, trusted.overlay.opaque), replaced files are set aside, and everything
// goes into a record. As a plain archive: onto an existing tree, replacing what is there; names
// are resolved in the root of that tree, so its links mean what they mean inside.
// Works with umask 0. Throws base::Error, naming the entry. One call per directory at a time.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "archive/limits.h"
#include "archive/source.h"
#include "archive/tar_record.h"
#include "os/fd.h"
#include "os/user_namespace.h"

namespace wharf::archive {

enum class Whiteouts { Overlay, Plain };

/// How an archive is laid over files that exist: `docker cp` into a container.
struct Onto {
  std::string below;       ///< The directory, relative to the root, clean; "" is the root.
  std::string shown;       ///< The directory as error texts have it.
  bool set_owner = false;  ///< All that is made belongs to these two.
  uid_t uid = 0;
  gid_t gid = 0;
  bool keep_kinds = false;  ///< No directory takes the place of something else, nor the reverse.
  /// Whose archive this is: owners are changed from what is seen inside to what the host has. Then
  /// who applies it acts as the root of these maps (os::ActingAs).
  os::IdMaps ids = {};
};

struct ApplyOptions {
  Limits limits;
  Whiteouts whiteouts = Whiteouts::Overlay;
  unsigned writers = 2;           ///< Threads that write files; 0 for none.
  const os::Fd* aside = nullptr;  ///< Where replaced files go; without it they are removed.
  RecordWriter* record = nullptr;
  const Onto* onto = nullptr;
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
