// Who may speak to the API over TCP: no browsers, no other names (threats A62).
#pragma once

#include <string>
#include <vector>

#include "http/connection.h"

namespace wharf::server {

/// Throws Forbidden for a request over TCP that a web page may have caused: one with an Origin, or
/// whose Host is neither an address nor one of `names` (DNS rebinding). Unix sockets pass.
void check_origin(const http::RequestHead& head, http::Transport transport,
                  const std::vector<std::string>& names);

}  // namespace wharf::server
