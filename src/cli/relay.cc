#include "cli/relay.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/stdcopy.h"

namespace wharf::cli {
namespace {

constexpr std::size_t kPiece = 32 << 10;
constexpr int kForcefulSignals = 3;

class Loop {
 public:
  Loop(http::client::Hijacked& hijacked, http::client::Response* wait, SignalWatch* signals,
       const RelayOptions& options)
      : stream_(*hijacked.stream),
        wait_(wait),
        signals_(signals),
        options_(options),
        watch_(options.detach_keys),
        stdin_open_(options.take_stdin) {
    show(hijacked.leftover);
  }

  RelayResult run() {
    while (!finished()) {
      std::array<pollfd, 4> watched = {
          {{stdin_wanted() ? STDIN_FILENO : -1, POLLIN, 0},
           {stream_open_ ? stream_.fd().get() : -1, stream_events(), 0},
           {wait_ && !wait_ready_ ? wait_->poll_fd() : -1, POLLIN, 0},
           {signals_ ? signals_->fd() : -1, POLLIN, 0}}};
      if (::poll(watched.data(), watched.size(), stream_.buffered() ? 0 : -1) < 0 &&
          errno != EINTR) {
        throw os::last_error("poll");
      }
      if (watched[3].revents) signal();
      if (watched[2].revents || (wait_ && wait_->buffered())) wait_ready_ = true;
      if (watched[1].revents & POLLOUT) flush();
      if (watched[1].revents & ~POLLOUT || (stream_open_ && stream_.buffered())) read_stream();
      if (watched[0].revents) read_stdin();
      if (watch_.detached()) return {.detached = true};
    }
    return {};
  }

 private:
  bool finished() const { return !stream_open_ && (!wait_ || wait_ready_); }
  bool stdin_wanted() const { return stdin_open_ && stream_open_ && pending_.empty(); }
  short stream_events() const {
    return static_cast<short>(POLLIN | (pending_.empty() ? 0 : POLLOUT));
  }

  void show(std::string_view bytes) {
    if (options_.tty) return write_out(bytes);
    stdcopy_.feed(bytes, [](StdcopyReader::Stream which, std::string_view payload) {
      which == StdcopyReader::Stream::Error ? write_error(payload) : write_out(payload);
    });
  }

  void read_stream() {
    const http::Stream::Attempt got = stream_.try_read(buffer_);
    if (got.wait_for) return;
    if (got.bytes == 0) {
      stream_open_ = false;
      return;
    }
    show(std::string_view(buffer_.data(), got.bytes));
  }

  void read_stdin() {
    const ssize_t n = ::read(STDIN_FILENO, buffer_.data(), buffer_.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (n <= 0) {
      stdin_open_ = false;
      stream_.shutdown_write();
      return;
    }
    const std::string_view typed(buffer_.data(), static_cast<std::size_t>(n));
    pending_ = options_.detach_keys.empty() ? std::string(typed) : watch_.filter(typed);
    if (!watch_.detached()) flush();
  }

  void flush() {
    try {
      const http::Stream::Attempt sent = stream_.try_write(pending_);
      pending_.erase(0, sent.bytes);
    } catch (const base::Error&) {
      // The container no longer reads; what it still says and its status are yet to come.
      pending_.clear();
      stdin_open_ = false;
    }
  }

  void signal() {
    const int number = signals_->take();
    if (number == SIGWINCH && options_.resize) return options_.resize(window_size());
    const std::string name = signal_name(number);
    if (name.empty() || !options_.forward_signal) return;
    options_.forward_signal(name);
    if ((number == SIGTERM || number == SIGINT) && ++forceful_ == kForcefulSignals) {
      throw Exit(1, "\ngot 3 SIGTERM/SIGINTs, forcefully exiting");
    }
  }

  http::Stream& stream_;
  http::client::Response* wait_;
  SignalWatch* signals_;
  const RelayOptions& options_;
  DetachWatch watch_;
  StdcopyReader stdcopy_;
  std::array<char, kPiece> buffer_;
  std::string pending_;  ///< Typed, not yet taken by the stream.
  bool stdin_open_;
  bool stream_open_ = true;
  bool wait_ready_ = false;
  int forceful_ = 0;
};

}  // namespace

SignalWatch::SignalWatch(Which which) {
  sigset_t watched;
  if (which == Which::All) {
    ::sigfillset(&watched);
    // Faults must end us, and these three are about our own children and pipes.
    for (const int kept :
         {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGCHLD, SIGPIPE, SIGURG}) {
      ::sigdelset(&watched, kept);
    }
  } else {
    ::sigemptyset(&watched);
    ::sigaddset(&watched, SIGWINCH);
  }
  ::sigprocmask(SIG_BLOCK, &watched, &previous_);
  fd_ = os::Fd(os::check(::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd"));
}

SignalWatch::~SignalWatch() {
  ::sigprocmask(SIG_SETMASK, &previous_, nullptr);
}

int SignalWatch::take() {
  signalfd_siginfo info{};
  const ssize_t n = ::read(fd_.get(), &info, sizeof info);
  return n == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

std::string signal_name(int number) {
  if (number == 0 || number == SIGCHLD || number == SIGPIPE || number == SIGURG) return {};
  if (number >= SIGRTMIN && number <= SIGRTMAX) {
    return number == SIGRTMIN ? "RTMIN" : fmt::format("RTMIN+{}", number - SIGRTMIN);
  }
  const char* name = ::sigabbrev_np(number);
  return name ? name : "";
}

RelayResult relay(http::client::Hijacked& stream, http::client::Response* wait,
                  SignalWatch* signals, const RelayOptions& options) {
  return Loop(stream, wait, signals, options).run();
}

}  // namespace wharf::cli
