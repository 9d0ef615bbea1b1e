// What the engine puts into a container's root file system: places to mount things over, and what
// programs expect to find.
//
// Docker keeps these in a layer of their own below the writable one, so they are seen by cp and
// export but are no change of the container's: here they are made in the writable layer, and
// changes() and commit() leave them out.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>
#include <vector>

#include "os/fd.h"

namespace wharf::container {

/// Makes what is missing of /.dockerenv, /dev/{console,pts,shm}, /etc/{hosts,hostname,
/// resolv.conf,mtab}, /proc and /sys below `root`. Links lead nowhere but inside.
void make_first_files(const os::Fd& root);

/// The paths of those.
std::vector<std::string> first_files();

/// Makes a file or directory to mount something over, and the directories above, where it is
/// missing.
void make_mount_point(const os::Fd& root, const std::string& path, bool directory);

/// Takes away again what the two above made in `upper`, and `image` has not: a stub in which
/// nothing was written, and the directories that were made or copied up for it alone.
void remove_stubs(const os::Fd& upper, const os::Fd& image, const std::vector<std::string>& paths);

/// True for one of those above in the writable layer, untouched.
bool is_first_file(std::string_view path, const struct stat& found);

}  // namespace wharf::container
