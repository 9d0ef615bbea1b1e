// How layers are unpacked and mounted. Values.
#pragma once

#include "archive/limits.h"
#include "os/file.h"
#include "os/user_namespace.h"

namespace wharf::layer {

struct LayerOptions {
  archive::Limits limits;
  os::Path unpacker = "/proc/self/exe";  ///< Run as `unpacker unpack`; calls unpack_main().
  unsigned writers = 2;                  ///< Threads of one unpacker that write files.
  int stall_seconds = 60;                ///< No byte moved for so long: the ingest fails.
};

struct MountOptions {
  bool read_only = false;
  bool discardable = false;  ///< For containers that are removed when they end.
  /// On the disk ids are as the container sees them; mounted for one in a user namespace they are
  /// shifted (id-mapped layers, Linux 5.19), the writable layer's as well.
  const os::IdSpace* ids = nullptr;
};

}  // namespace wharf::layer
