// The user's terminal: writing to it, its size, raw mode.
#pragma once

#include <termios.h>

#include <string_view>

namespace wharf::cli {

/// Whole text to standard output or error. Throws when it cannot be written.
void write_out(std::string_view text);
void write_error(std::string_view text);

bool is_terminal(int fd);

struct WindowSize {
  unsigned height = 0;
  unsigned width = 0;
  bool operator==(const WindowSize&) const = default;
};

/// Of the terminal on standard output; zeros where there is none.
WindowSize window_size();

/// For wrapping help: the terminal's width, 80 where there is none.
std::size_t terminal_columns();

/// While it lives, the terminal on standard input passes every key through unchanged.
class RawMode {
 public:
  /// Does nothing where standard input is no terminal.
  RawMode();
  ~RawMode() { restore(); }
  RawMode(const RawMode&) = delete;
  void restore();

 private:
  bool active_ = false;
  termios saved_{};
};

}  // namespace wharf::cli
