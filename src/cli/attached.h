// What run, start -a and attach share: opening the stream and the wait of a container.
#pragma once

#include <string>

#include "cli/command.h"
#include "cli/relay.h"

namespace wharf::cli {

struct AttachStreams {
  bool in = false;
  bool out = false;
  bool error = false;
  bool any() const { return in || out || error; }
};

/// POST /containers/{id}/attach as a raw stream.
http::client::Hijacked open_attach(Daemon& daemon, const std::string& id, AttachStreams streams,
                                   const std::string& detach_keys);

/// POST /containers/{id}/wait; returns when the daemon watches (its head has come).
/// `condition`: "next-exit", "removed", "" for the default.
http::client::Response open_wait(Daemon& daemon, const std::string& id,
                                 const std::string& condition);

/// Reads the exit status from a wait that is ready; 125 when the daemon could not wait.
int wait_status(Invocation& call, http::client::Response& wait);

/// Sets the size of a container's or exec's terminal; `path` is "/containers/ID" or "/exec/ID".
/// Failure is no error: the process may be gone already.
void resize_terminal(Daemon& daemon, const std::string& path, WindowSize size);

/// The options for relaying a container's streams.
RelayOptions container_relay(Daemon& daemon, const std::string& id, bool tty, bool take_stdin,
                             bool forward);

/// The detach keys in force: the flag, else the configuration, else the default.
std::string effective_detach_keys(Invocation& call, const std::string& flag);

/// The input must be a terminal where a TTY is attached to it. Throws Exit.
void check_terminal(bool attach_stdin, bool tty);

/// 126, 127 or 125, by what the daemon says about a start that failed.
int status_of_start_failure(std::string_view message);

std::string id_path(const std::string& name);

}  // namespace wharf::cli
