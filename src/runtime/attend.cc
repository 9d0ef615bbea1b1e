// A process in the foreground: its signals, its terminal, its end.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "runtime/container.h"
#include "runtime/kernel.h"

namespace wharf::runtime {
namespace {

/// Our own terminal, raw while the container's is shown in it.
class RawTerminal {
 public:
  explicit RawTerminal(bool wanted) : raw_(wanted && ::tcgetattr(0, &before_) == 0) {
    if (!raw_) return;
    termios raw = before_;
    raw.c_iflag &=
        ~static_cast<tcflag_t>(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    raw.c_oflag &= ~static_cast<tcflag_t>(OPOST);
    raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    raw.c_cflag = (raw.c_cflag & ~static_cast<tcflag_t>(CSIZE | PARENB)) | CS8;
    ::tcsetattr(0, TCSANOW, &raw);
  }
  ~RawTerminal() {
    if (raw_) ::tcsetattr(0, TCSANOW, &before_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  termios before_{};
  bool raw_;
};

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// False at the end of `from`.
bool relay(int from, int to) {
  char buffer[16384];
  const ssize_t got = ::read(from, buffer, sizeof buffer);
  if (got < 0 && errno == EINTR) return true;
  return got > 0 && write_all(to, std::string_view(buffer, static_cast<std::size_t>(got)));
}

void copy_size(int terminal) {
  winsize size{};
  if (::ioctl(0, TIOCGWINSZ, &size) == 0) (void)::ioctl(terminal, TIOCSWINSZ, &size);
}

/// Blocks all signals; they are read from the descriptor.
int take_signals() {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  return ::signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
}

void forward_signals(int signals, const Task& task) {
  signalfd_siginfo news{};
  while (::read(signals, &news, sizeof news) == sizeof news) {
    const auto number = static_cast<int>(news.ssi_signo);
    if (number == SIGCHLD) continue;
    if (number == SIGWINCH && task.terminal >= 0) copy_size(task.terminal);
    // SIGPIPE and SIGURG are about our own descriptors.
    else if (number != SIGPIPE && number != SIGURG) {
      (void)kernel::pidfd_send_signal(task.pidfd, number);
    }
  }
}

int exit_status(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, __WALL) < 0 && errno == EINTR) {
  }
  constexpr int kSignalBase = 128;
  return WIFSIGNALED(status) ? kSignalBase + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

int attend(const Task& task) {
  const bool has_terminal = task.terminal >= 0;
  const int signals = take_signals();
  if (has_terminal) copy_size(task.terminal);
  RawTerminal raw(has_terminal);
  pollfd watched[4] = {{task.pidfd, POLLIN, 0},
                       {signals, POLLIN, 0},
                       {has_terminal ? 0 : -1, POLLIN, 0},
                       {task.terminal, POLLIN, 0}};
  while (::poll(watched, 4, -1) >= 0 || errno == EINTR) {
    if ((watched[1].revents & POLLIN) != 0) forward_signals(signals, task);
    if (watched[2].revents != 0 && !relay(0, task.terminal)) watched[2].fd = -1;
    if (watched[3].revents != 0 && !relay(task.terminal, 1)) watched[3].fd = -1;
    // What the program wrote last is still in the terminal when it has ended.
    const bool drained = watched[3].fd < 0 || (watched[3].revents & POLLIN) == 0;
    if ((watched[0].revents & POLLIN) != 0 && drained) break;
  }
  ::close(signals);
  return exit_status(task.pid);
}

}  // namespace wharf::runtime
