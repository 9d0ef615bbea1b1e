// What a step's command writes, as it comes. Inside room build only.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <thread>

#include "container/containers.h"
#include "os/fd.h"

namespace wharf::build {

/// Attached to a container before it starts; ends with it. A thread of its own reads.
class Output {
 public:
  using Sink = std::function<void(unsigned stream, std::string_view bytes)>;
  Output(std::unique_ptr<container::Attached> attached, Sink sink);
  ~Output();

  /// Waits for the last byte. Throws what the report threw: the client has gone.
  void finish();

 private:
  void read();
  void frame(unsigned stream, std::string_view bytes);

  std::unique_ptr<container::Attached> attached_;
  Sink sink_;
  os::Fd ours_;
  std::exception_ptr failure_;
  std::stop_source stop_;
  std::jthread relay_;
  std::jthread reader_;
};

}  // namespace wharf::build
