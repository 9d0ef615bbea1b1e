// The sockets that the API is served on: unix://, tcp:// and fd://.
#pragma once

#include <string>
#include <vector>

#include "engine/settings.h"
#include "http/server.h"

namespace wharf::server {

/// Opens what `host` ("unix:///run/x.sock", "tcp://127.0.0.1:2375", "fd://") asks for. A unix
/// socket is made under a private name with its final mode and owner and then renamed into place,
/// so that nobody can connect in between (threats A63); a dead one is replaced, a live one and what
/// is no socket are errors. Throws base::Error.
std::vector<http::Listener> open_listeners(const std::string& host,
                                           const engine::Settings& settings);

/// The host names of tcp:// hosts, and this machine's: what "Host:" may say over TCP.
std::vector<std::string> host_names(const engine::Settings& settings);

}  // namespace wharf::server
