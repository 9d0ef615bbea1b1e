// Giving a connection away as a plain descriptor.
#pragma once

#include <memory>

#include "http/stream.h"

namespace wharf::http {

/// One end of a socket pair; a thread moves bytes between the other end and `stream`, half-closes
/// included, until both directions have ended. For streams under TLS.
os::Fd pump(std::unique_ptr<Stream> stream);

/// A second descriptor of a plain socket, set to blocking.
os::Fd blocking_copy(const os::Fd& socket);

}  // namespace wharf::http
