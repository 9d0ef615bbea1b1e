// Who hears of a build: the texts of Docker's first builder, in order.
#pragma once

#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/time.h"

namespace wharf::build {

/// One step of a graph, as its clients are told of it: when it begins, and when it has ended.
struct Vertex {
  std::string digest;
  std::string name;  ///< "[build 2/5] RUN make".
  bool cached = false;
  base::Time started;
  base::Time completed;  ///< Zero while it runs.
  std::string error;
};

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

  /// Of the graph's builds.
  virtual void vertex(const Vertex& vertex) { (void)vertex; }
  /// What a command writes: stream 1 or 2.
  virtual void log(const std::string& vertex, unsigned stream, std::string_view bytes) {
    (void)vertex, (void)stream, (void)bytes;
  }
};

}  // namespace wharf::build
