// Who hears of a build: the texts of Docker's first builder, in order.
#pragma once

#include <string>
#include <string_view>

#include "base/digest.h"

namespace wharf::build {

/// Called by one thread at a time, but for the graph's builds (Request::graph), whose stages speak
/// at once. May throw: the client has gone.
class Report {
 public:
  virtual ~Report() = default;

  /// Whole lines, or what a command writes.
  virtual void say(std::string_view text) = 0;
  /// What a command writes to its standard error.
  virtual void say_error(std::string_view text) = 0;
  /// A stage is done.
  virtual void image(const base::Digest& id) = 0;
  /// A line of a pull, as JSON.
  virtual void progress(std::string_view json) = 0;
};

}  // namespace wharf::build
