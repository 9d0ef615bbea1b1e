#include "base/log.h"

#include <unistd.h>

#include <atomic>

#include "base/strings.h"
#include "base/time.h"

namespace wharf::base {
namespace {

std::atomic<Level> threshold{Level::Info};

const char* name(Level level) {
  switch (level) {
    case Level::Debug:
      return "debug";
    case Level::Info:
      return "info";
    case Level::Warn:
      return "warning";
    case Level::Error:
      return "error";
  }
  return "info";
}

}  // namespace

void set_log_level(Level level) {
  threshold = level;
}

bool logged(Level level) {
  return level >= threshold.load(std::memory_order_relaxed);
}

void log_line(Level level, const std::string& message) {
  const std::string line = fmt::format("time=\"{}\" level={} msg={}\n", rfc3339_nano_fixed(now()),
                                       name(level), quoted(message));
  // One write(2) per line keeps lines of several threads whole.
  if (::write(STDERR_FILENO, line.data(), line.size()) < 0) return;
}

}  // namespace wharf::base
