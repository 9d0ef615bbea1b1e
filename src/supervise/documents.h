// JSON documents on their way to a supervisor, and the record that comes back from one.
//
// Thread-safe. Throws base::Error.
#pragma once

#include <string_view>

#include "os/fd.h"

namespace wharf::supervise {

/// A memory file with `text`: a document of any size travels as one descriptor. Throws
/// TooLarge past the protocol's limit.
os::Fd document_file(std::string_view text);

}  // namespace wharf::supervise
