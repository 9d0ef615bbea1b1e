// The daemon's own log: one logfmt line per event on standard error, as dockerd writes it.
//
//   time="2026-11-21T08:00:00.000000000Z" level=info msg="API listen on /run/docker.sock"
//
// Any thread may log. Nothing secret is ever passed here (threats A68).
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

namespace wharf::base {

enum class Level { Debug, Info, Warn, Error };

/// Lines below `level` are dropped. Default: Info.
void set_log_level(Level level);
bool logged(Level level);
void log_line(Level level, const std::string& message);

template <class... Args>
void log_debug(fmt::format_string<Args...> text, Args&&... args) {
  if (logged(Level::Debug)) log_line(Level::Debug, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void log_info(fmt::format_string<Args...> text, Args&&... args) {
  if (logged(Level::Info)) log_line(Level::Info, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void log_warn(fmt::format_string<Args...> text, Args&&... args) {
  if (logged(Level::Warn)) log_line(Level::Warn, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void log_error(fmt::format_string<Args...> text, Args&&... args) {
  log_line(Level::Error, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace wharf::base
