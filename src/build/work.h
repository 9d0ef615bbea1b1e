// One build under way: what its stages share. Inside room build only.
#pragma once

#include <future>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "build/arguments.h"
#include "build/builder.h"
#include "build/context.h"
#include "build/run_mount.h"
#include "build/state.h"
#include "dockerfile/instruction.h"

namespace wharf::build {

/// A stage of this build that others take from.
struct StageResult {
  State state;
  bool done = false;
};

struct Work {
  const Request& request;
  const Services& services;
  Cache& cache;
  Report& report;
  std::stop_token stop;
  const Context& context;
  const dockerfile::File& file;
  CacheMounts& caches;
  Arguments arguments;  ///< As the stages begin.

  std::size_t steps = 0;
  std::size_t step = 0;
  std::vector<std::shared_future<State>> stages = {};  ///< Of all, in order; invalid where unused.

  std::mutex lock = {};
  std::vector<Cache::Made> made = {};
  std::vector<std::string> keys = {};
  std::vector<layer::Pin> pins = {};
  std::set<std::string> used_arguments = {};
  std::exception_ptr failure = {};  ///< The first, of stages that run at once.

  void check_stop() const {
    if (stop.stop_requested()) base::fail(base::Kind::Cancelled, "Build cancelled");
  }

  /// Says a text where the first builder does; the graph's steps are told in another form.
  template <class... Args>
  void say(fmt::format_string<Args...> text, Args&&... args) {
    if (!request.graph) report.say(fmt::format(text, std::forward<Args>(args)...));
  }

  /// "Step 3/7 : RUN x".
  void say_step(const std::string& code) {
    if (!request.graph) say("Step {}/{} : {}\n", ++step, steps, code);
  }

  /// An image that is not of this build: pulled where it is not here.
  image::Image image(const std::string& name, const std::optional<oci::Platform>& platform);
};

}  // namespace wharf::build
