#include "cli/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "os/fd.h"

namespace wharf::cli {
namespace {

/// Standard streams may be non-blocking: they can be shared with whoever started us.
void write_to(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n >= 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      pollfd watched{fd, POLLOUT, 0};
      ::poll(&watched, 1, -1);
    } else if (errno != EINTR) {
      throw os::last_error("write /dev/std{}", fd == 1 ? "out" : "err");
    }
  }
}

}  // namespace

void write_out(std::string_view text) {
  write_to(STDOUT_FILENO, text);
}
void write_error(std::string_view text) {
  write_to(STDERR_FILENO, text);
}

bool is_terminal(int fd) {
  return ::isatty(fd) == 1;
}

WindowSize window_size() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0) return {};
  return {size.ws_row, size.ws_col};
}

std::size_t terminal_columns() {
  const unsigned width = window_size().width;
  return width ? width : 80;
}

RawMode::RawMode() {
  if (!is_terminal(STDIN_FILENO) || ::tcgetattr(STDIN_FILENO, &saved_) < 0) return;
  termios raw = saved_;
  ::cfmakeraw(&raw);
  active_ = ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

void RawMode::restore() {
  if (active_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &saved_);
  active_ = false;
}

}  // namespace wharf::cli
