// The byte streams between a client and a container: attach, exec, logs.
//
// Attached and Log are made first, with every check done, so that the route can still
// answer an error; then the connection is hijacked (or the stream opened) and run() or
// send() does the rest on the caller's thread. One thread each.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/time.h"
#include "os/fd.h"

namespace wharf::container {

struct AttachOptions {
  bool logs = false;    ///< What was logged before comes first.
  bool stream = false;  ///< Then what comes from now on.
  bool in = false;
  bool out = false;
  bool err = false;
  bool unframed = false;    ///< Both outputs in one stream, without stdcopy frames.
  std::string detach_keys;  ///< "ctrl-p,ctrl-q" when empty.
};

/// A connection that stopped being HTTP: `socket` both ways, after `already_read`.
struct ClientStream {
  os::Fd socket;
  std::string already_read;
};

class Attached {
 public:
  virtual ~Attached() = default;

  /// True when bytes are raw (a TTY), false for stdcopy frames.
  virtual bool raw() const = 0;

  /// Relays until the container's side ends, the client leaves or types the detach keys.
  virtual void run(ClientStream client, std::stop_token stop) = 0;
};

struct LogQuery {
  bool out = false;
  bool err = false;
  bool follow = false;
  bool timestamps = false;
  bool details = false;
  bool json = false;       ///< One JSON object per line (API 1.54).
  std::int64_t tail = -1;  ///< -1: all.
  std::optional<base::Time> since;
  std::optional<base::Time> until;
};

class Log {
 public:
  virtual ~Log() = default;
  virtual bool raw() const = 0;

  /// Gives `sink` what is written to the client, a frame at a time, until the end.
  virtual void send(const std::function<void(std::string_view)>& sink, std::stop_token stop) = 0;
};

}  // namespace wharf::container
