// The daemon's pid file: a lock, with a number in it for people (threats F17).
#pragma once

#include <string>

#include "os/fd.h"

namespace wharf::server {

/// Held by flock(2) for as long as the process lives: a number left by a dead one, or one that
/// now is somebody else's, stops nobody. Removed when this ends in good order.
class PidFile {
 public:
  /// Throws Conflict: "process with PID 12 is still running". An empty path is no file.
  explicit PidFile(std::string path);
  ~PidFile();
  PidFile(const PidFile&) = delete;

 private:
  std::string path_;
  os::Fd fd_;
};

}  // namespace wharf::server
