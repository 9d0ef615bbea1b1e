// The one exception of the daemon and the command line.
//
// An Error says what failed, on what, and why, and carries a Kind. A Kind has
// exactly one HTTP status (http_status); errno never chooses it. Values, safe to
// copy between threads.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace wharf::base {

enum class Kind {
  NotModified,
  InvalidArgument,
  Unauthorized,
  Forbidden,
  NotFound,
  Conflict,
  TooLarge,
  Internal,
  NotImplemented,
  Unavailable,
  Cancelled,  ///< The client went away, or the daemon stops: logged, never shown.
};

class Error : public std::runtime_error {
 public:
  Error(Kind kind, const std::string& message, int error_number = 0)
      : std::runtime_error(message), kind_(kind), error_number_(error_number) {}

  Kind kind() const { return kind_; }

  /// errno of the system call that failed, or 0.
  int error_number() const { return error_number_; }

 private:
  Kind kind_;
  int error_number_;
};

/// The status of api.md, section 2 ("Status mapping").
int http_status(Kind kind);

template <class... Args>
[[noreturn]] void fail(Kind kind, fmt::format_string<Args...> text, Args&&... args) {
  throw Error(kind, fmt::format(text, std::forward<Args>(args)...));
}

/// "WORDS: No such file or directory", with errno kept; kind Internal.
Error errno_error(int error_number, const std::string& words);

}  // namespace wharf::base
