#include "container/sampler.h"

#include <chrono>

#include "base/error.h"
#include "base/log.h"
#include "container/probe.h"

namespace wharf::container {

namespace {

constexpr std::chrono::seconds kEvery{1};

}  // namespace

struct Sampler::Watched {
  explicit Watched(ContainerPointer container) : probe(std::move(container)) {}
  Probe probe;
  api::ContainerStats last;
  bool looked = false;
  std::uint64_t round = 0;
};

Sampler::Sampler(const Settings& settings, Running running)
    : settings_(settings), running_(std::move(running)) {}

Sampler::~Sampler() {
  const std::lock_guard making(thread_mutex_);
  thread_.request_stop();
  changed_.notify_all();
}

Sampler::Listener::Listener(Sampler& sampler, ContainerPointer container)
    : sampler_(sampler), container_(std::move(container)) {
  const std::lock_guard making(sampler_.thread_mutex_);
  bool first = false;
  {
    const std::lock_guard lock(sampler_.mutex_);
    first = sampler_.listened_.empty() && sampler_.listening_to_all_ == 0;
    if (container_) {
      auto& [pointer, count] = sampler_.listened_[container_->id];
      pointer = container_;
      ++count;
    } else {
      ++sampler_.listening_to_all_;
    }
    seen_ = sampler_.round_;
  }
  if (!first) return;
  // The one before may be ending: it is waited for.
  sampler_.thread_ =
      std::jthread([&sampler = sampler_](std::stop_token stop) { sampler.run(std::move(stop)); });
}

Sampler::Listener::~Listener() {
  const std::lock_guard making(sampler_.thread_mutex_);
  bool last = false;
  {
    const std::lock_guard lock(sampler_.mutex_);
    if (container_) {
      const auto found = sampler_.listened_.find(container_->id);
      if (--found->second.second == 0) sampler_.listened_.erase(found);
    } else {
      --sampler_.listening_to_all_;
    }
    last = sampler_.listened_.empty() && sampler_.listening_to_all_ == 0;
  }
  if (last) sampler_.thread_ = {};
}

std::optional<std::vector<api::ContainerStats>> Sampler::Listener::next(std::stop_token stop) {
  std::unique_lock lock(sampler_.mutex_);
  const auto newer = [&] { return sampler_.round_ > seen_; };
  if (!sampler_.changed_.wait(lock, stop, newer)) return std::nullopt;
  seen_ = sampler_.round_;
  std::vector<api::ContainerStats> stats;
  if (!container_) {
    for (const auto& [id, result] : sampler_.results_) {
      // What another one listens to may have ended.
      if (result.cpu.system != 0) stats.push_back(result);
    }
  } else if (const auto found = sampler_.results_.find(container_->id);
             found != sampler_.results_.end()) {
    stats.push_back(found->second);
  }
  return stats;
}

std::vector<ContainerPointer> Sampler::wanted() {
  std::vector<ContainerPointer> all;
  bool everyone = false;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, listened] : listened_) all.push_back(listened.first);
    everyone = listening_to_all_ > 0;
  }
  if (!everyone) return all;
  for (const ContainerPointer& container : running_()) all.push_back(container);
  return all;
}

void Sampler::look_at(const ContainerPointer& container, std::uint64_t round) {
  std::unique_ptr<Watched>& found = watched_[container->id];
  if (!found) found = std::make_unique<Watched>(container);
  Watched& watched = *found;
  if (watched.round == round) return;
  watched.round = round;
  api::ContainerStats now = watched.probe.look(settings_);
  const api::ContainerStats fresh = now;
  if (watched.looked) set_before(now, watched.last);
  watched.last = fresh;
  watched.looked = true;
  const std::lock_guard lock(mutex_);
  results_[container->id] = std::move(now);
}

void Sampler::run(std::stop_token stop) {
  watched_.clear();
  auto due = std::chrono::steady_clock::now();
  for (std::uint64_t round = 1; !stop.stop_requested(); ++round) {
    for (const ContainerPointer& container : wanted()) {
      try {
        look_at(container, round);
      } catch (const base::Error& error) {
        base::log_warn("stats of container {}: {}", container->id, error.what());
      }
    }
    const auto is_old = [&](const auto& each) { return each.second->round != round; };
    std::erase_if(watched_, is_old);
    due += kEvery;
    std::unique_lock lock(mutex_);
    std::erase_if(results_, [&](const auto& each) { return !watched_.contains(each.first); });
    ++round_;
    changed_.notify_all();
    changed_.wait_until(lock, stop, due, [] { return false; });
  }
}

}  // namespace wharf::container
