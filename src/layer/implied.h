// Directories that a layer has only because something is in them.
//
// Layers are unpacked without looking at one another, so a layer that brings tmp/x and no entry
// for tmp/ has a tmp of mode 0755, and above the base image's /tmp of mode 1777 that one would
// be seen. For a stack where this matters, a small directory is made once and put on top of the
// stack: it holds just those directories, with the owner, mode and time of the uppermost layer
// that really describes them. Docker does the same while unpacking, when the parents are known.
//
//   layers/.implied-<hash of the stack>/diff/...   the directories
//   layers/.implied-<hash of the stack>/layers     the diff ids, one a line
//
// Thread-safe; throws base::Error.
#pragma once

#include <optional>
#include <span>

#include "base/digest.h"
#include "os/file.h"

namespace wharf::layer {

/// The directory to put on top of `diff_ids` (bottom first), or nothing where none is needed.
std::optional<os::Path> implied_directories(const os::Path& layers,
                                            std::span<const base::Digest> diff_ids);

/// The .implied directories that were made for a stack with `diff_id` in it.
std::vector<os::Path> implied_of(const os::Path& layers, const base::Digest& diff_id);

}  // namespace wharf::layer
