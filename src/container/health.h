// Whether a container is well: its HEALTHCHECK, run as an exec again and again.
//
//   starting ──success──► healthy ──retries failures──► unhealthy ──success──► healthy
//
// One thread per checked container, from its start to its end; it waits on the container's
// own time only. The last five results are kept.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "api/container.h"
#include "container/state.h"

namespace wharf::container {

class Health {
 public:
  Health(Containers::State& state, std::weak_ptr<Container> container, api::HealthConfig config);

  api::Health shown() const;

  /// Asks the checks to end; does not wait.
  void stop() { thread_.request_stop(); }

 private:
  struct Probe {
    int exit_code = 0;
    std::string output;
  };

  void check(std::stop_token stop);
  Probe probe(Container& container, std::stop_token stop);
  void listen(const Exec& exec, const supervise::Exec& process, std::int64_t deadline,
              std::stop_token stop, Probe& result) const;
  void leave(Container& container, Exec& exec, std::uint64_t process);
  void note(Container& container, const Probe& probe, base::Time begin, bool in_start_period);

  Containers::State& state_;
  std::weak_ptr<Container> container_;
  api::HealthConfig config_;
  mutable std::mutex mutex_;
  std::string status_ = "starting";
  std::int64_t failing_streak_ = 0;
  std::deque<api::HealthResult> log_;
  const std::shared_ptr<PreparedExec> prepared_ = std::make_shared<PreparedExec>();
  std::shared_ptr<const os::Fd> bell_;  ///< Rung when a check has ended, or is to end.
  std::jthread thread_;
};

/// With a HEALTHCHECK that is not NONE. Without one the container has no health.
void start_health(Containers::State& state, const ContainerPointer& container);
/// The checks end soon; their results stay to be seen.
void stop_health(Container& container);
/// Waits for the checks to end: before the container goes.
void end_health(Container& container);

api::Health shown_health(const Health& health);

}  // namespace wharf::container
