// Compresses rotated log files for supervisors, which have neither the code nor the memory.
//
// The supervisor sends the rotated file and an empty one; when the copy is whole it is told
// and puts it in place. What is left when the daemon stops is handed out again by the
// supervisor to the next one, at its Hello. Room-internal. Any thread.
#pragma once

#include "os/fd.h"

namespace wharf::supervise {

/// gzip(1) of `from` into `into`, 380 MB a second. Throws base::Error.
void compress_file(const os::Fd& from, const os::Fd& into);

}  // namespace wharf::supervise
