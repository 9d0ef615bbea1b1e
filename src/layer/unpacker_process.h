// The process that unpacks one layer of a stranger, or one archive into a container, and has
// nothing to lose.
//
// wharfd runs itself as `wharfd unpack`; that main() calls unpack_main() and nothing else.
//
//   descriptor 0  the layer's bytes, compressed or not (pipe)
//   descriptor 3  the ingest directory, where diff/, aside/ and tar-record are written; or the
//                 root file system of a container, with its mounts
//   descriptor 4  the verdict (pipe): "P <bytes>\n" as it goes on, "V <json>\n" at the end
//   descriptor 5  the order (pipe): one JSON object with the limits
//
// Before the first byte of the stranger is read, the process has changed its root to descriptor 3,
// restricted itself by Landlock, dropped all capabilities but those that unpacking needs, and
// allowed itself some thirty system calls. What it says is still only a stranger's word: the
// reader bounds it (unpacker.h). Format: docs/formats/layer-directory.md.
#pragma once

namespace wharf::layer {

inline constexpr int kStreamFd = 0, kDirectoryFd = 3, kVerdictFd = 4, kOrderFd = 5;

/// Does the job; the exit status of the process (0 also where the layer is refused).
int unpack_main();

}  // namespace wharf::layer
