// Telling systemd how the daemon is (sd_notify(3)), by hand: it is one datagram.
#pragma once

#include <string_view>

namespace wharf::server {

/// "READY=1", "STOPPING=1" ... to $NOTIFY_SOCKET; nothing without one.
void notify_service_manager(std::string_view state);

}  // namespace wharf::server
