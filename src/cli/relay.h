// The loop of an attached client: terminal or pipes on one side, a hijacked stream on the
// other, signals and the exit status beside them.
//
//   stdin ──▶ stream        typed bytes, detach keys watched; its end is a half-close
//   stream ──▶ stdout/err   raw with a TTY, taken apart otherwise
//   signals ──▶ daemon      forwarded as POST .../kill; SIGWINCH as .../resize
//
// One thread, one poll(2). Standard input is not read while the stream takes no more, so
// neither direction can block the other.
#pragma once

#include <csignal>
#include <functional>
#include <optional>
#include <string>

#include "cli/detach_keys.h"
#include "cli/terminal.h"
#include "http/client.h"

namespace wharf::cli {

/// Blocks signals and hands them out through a descriptor, until destroyed.
class SignalWatch {
 public:
  enum class Which { WindowOnly, All };
  explicit SignalWatch(Which which);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;

  int fd() const { return fd_.get(); }
  /// The next signal, 0 when there is none now.
  int take();

 private:
  sigset_t previous_{};
  os::Fd fd_;
};

/// "TERM" for SIGTERM, as the API names signals; "" for those that are not forwarded.
std::string signal_name(int number);

struct RelayOptions {
  bool tty = false;
  bool take_stdin = false;
  std::string detach_keys;  ///< As bytes; empty watches for none.
  std::function<void(const std::string& name)> forward_signal;
  std::function<void(WindowSize size)> resize;
};

struct RelayResult {
  bool detached = false;
};

/// Runs until the stream has ended and, where given, `wait` has its body ready; or until the
/// user detached. Throws base::Error for a broken stream.
RelayResult relay(http::client::Hijacked& stream, http::client::Response* wait,
                  SignalWatch* signals, const RelayOptions& options);

}  // namespace wharf::cli
