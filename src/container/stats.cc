// GET /containers/{id}/stats and GET /containers/stats.
#include "container/stats.h"

#include <chrono>
#include <list>

#include "base/error.h"
#include "container/probe.h"
#include "container/sampler.h"
#include "container/state.h"

namespace wharf::container {

namespace {

/// Docker waits a second for the second look. A CPU's share can be told after far less, as all
/// that is compared counts in nanoseconds (v2: microseconds).
constexpr std::chrono::milliseconds kBetweenLooks{35};

void wait(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, time, [] { return false; });
  if (stop.stop_requested()) base::fail(base::Kind::Cancelled, "stats cancelled");
}

/// One look at each, or two with what is between them.
std::vector<api::ContainerStats> look(const Settings& settings,
                                      const std::vector<ContainerPointer>& containers,
                                      bool one_shot, const std::stop_token& stop) {
  std::list<Probe> probes;
  for (const ContainerPointer& container : containers) probes.emplace_back(container);
  std::vector<api::ContainerStats> stats;
  bool anything = false;
  for (Probe& probe : probes) {
    stats.push_back(probe.look(settings));
    anything = anything || stats.back().cpu.system != 0;
  }
  if (one_shot || !anything) return stats;
  wait(kBetweenLooks, stop);
  auto before = stats.begin();
  for (Probe& probe : probes) {
    api::ContainerStats now = probe.look(settings);
    set_before(now, *before);
    *before++ = std::move(now);
  }
  return stats;
}

}  // namespace

std::vector<ContainerPointer> Containers::State::running() const {
  std::vector<ContainerPointer> found;
  for (const ContainerPointer& container : all()) {
    if (container->view().run()) found.push_back(container);
  }
  return found;
}

void Containers::stats(std::string_view name, const StatsOptions& options, const StatsSink& sink,
                       std::stop_token stop) {
  const ContainerPointer container = state_->find(name);
  if (!options.stream) return sink(look(state_->settings, {container}, options.one_shot, stop));
  Sampler::Listener listener(state_->sampler, container);
  while (const auto stats = listener.next(stop)) {
    if (container->removed()) return;
    if (!stats->empty()) sink(*stats);
  }
}

void Containers::stats_of_all(const StatsOptions& options, const StatsSink& sink,
                              std::stop_token stop) {
  if (!options.stream) {
    std::vector<api::ContainerStats> stats =
        look(state_->settings, state_->running(), options.one_shot, stop);
    // What ended between the two looks.
    std::erase_if(stats, [](const api::ContainerStats& one) { return one.cpu.system == 0; });
    return sink(stats);
  }
  Sampler::Listener listener(state_->sampler, nullptr);
  while (const auto stats = listener.next(stop)) sink(*stats);
}

}  // namespace wharf::container
