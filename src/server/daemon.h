// The life of the daemon: configuration, engine, listeners, signals, end.
#pragma once

#include <span>
#include <string>

namespace wharf::server {

/// Runs until SIGTERM or SIGINT. What the process exits with.
///
/// Signals are blocked in every thread and taken by one that waits for them: SIGTERM and SIGINT end
/// the daemon in good order (containers go on; a third one ends it at once), SIGHUP reads
/// daemon.json again, SIGUSR1 logs what the daemon is doing.
int daemon_main(std::span<const std::string> arguments);

}  // namespace wharf::server
