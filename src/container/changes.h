// What is different in a writable layer from the image below it: `docker diff`, and commit.
#pragma once

#include <vector>

#include "api/container.h"
#include "os/fd.h"

namespace wharf::container {

enum ChangeKind { kModified = 0, kAdded = 1, kDeleted = 2 };

/// `upper` is an overlay's upper directory, `image` all that is below it. A directory comes before
/// what is in it. What the engine itself made (first_files.h) is no change. The container may be
/// running: what vanishes meanwhile is left out.
std::vector<api::FilesystemChange> find_changes(const os::Fd& image, const os::Fd& upper);

}  // namespace wharf::container
