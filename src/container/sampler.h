// Looks at containers once a second, for as long as somebody listens.
//
//   Listener listener = sampler.listen(container);   // or to all that run
//   while (auto stats = listener.next(stop)) ...
//
// One thread looks at every container that is listened to, once a second each, however many
// listen; it begins with the first listener and ends with the last. No lock is held while a file
// is read. Thread-safe; a Listener belongs to one thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "api/stats.h"
#include "container/container.h"
#include "container/settings.h"

namespace wharf::container {

class Sampler {
 public:
  /// All containers that run now.
  using Running = std::function<std::vector<ContainerPointer>()>;

  Sampler(const Settings& settings, Running running);
  ~Sampler();
  Sampler(const Sampler&) = delete;

  class Listener {
   public:
    Listener(Sampler& sampler, ContainerPointer container);
    ~Listener();
    Listener(const Listener&) = delete;

    /// Waits for the next second's. Nothing when stopped.
    std::optional<std::vector<api::ContainerStats>> next(std::stop_token stop);

   private:
    Sampler& sampler_;
    const ContainerPointer container_;  ///< Or all.
    std::uint64_t seen_ = 0;
  };

 private:
  struct Watched;

  void run(std::stop_token stop);
  std::vector<ContainerPointer> wanted();
  void look_at(const ContainerPointer& container, std::uint64_t round);

  const Settings& settings_;
  const Running running_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, std::pair<ContainerPointer, int>> listened_;  ///< By id; and how many.
  int listening_to_all_ = 0;
  std::uint64_t round_ = 0;
  std::map<std::string, api::ContainerStats> results_;  ///< Of the last round.

  std::map<std::string, std::unique_ptr<Watched>> watched_;  ///< Touched by the thread alone.

  std::mutex thread_mutex_;  ///< Held while the thread is made or waited for.
  std::jthread thread_;
};

}  // namespace wharf::container
