// The event bus: the last 256 events, and everyone who listens.
//
// publish() copies the event into each listener's queue and never waits for one; a
// listener that is 1,024 events behind is dropped, and its next() says so. Any thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "base/event.h"

namespace wharf::engine {

inline constexpr std::size_t kEventsKept = 256;
inline constexpr std::size_t kEventsQueued = 1024;

class Events : public base::EventSink {
 public:
  class Subscription;

  void publish(base::Event event) override;

  /// What is kept of [since, until], and from now on every new event, with no gap between.
  /// Without `since` nothing that is past.
  std::unique_ptr<Subscription> subscribe(std::optional<base::Time> since,
                                          std::optional<base::Time> until);

  std::size_t subscribers() const;

 private:
  struct Queue;
  void leave(const std::shared_ptr<Queue>& queue);

  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<const base::Event>> kept_;
  std::list<std::shared_ptr<Queue>> queues_;
};

/// One listener. Used by one thread; must not outlive its Events.
class Events::Subscription {
 public:
  using EventPointer = std::shared_ptr<const base::Event>;
  Subscription(Events& events, std::shared_ptr<Queue> queue, std::vector<EventPointer> past);
  ~Subscription();
  Subscription(const Subscription&) = delete;

  /// Events of the past, oldest first. Once.
  std::vector<EventPointer> take_past() { return std::move(past_); }

  /// The next event; nothing at `deadline`, when `stop` is requested, or once dropped.
  EventPointer next(std::stop_token stop, std::optional<base::Time> deadline);

  /// True when this listener was too slow and will get nothing more.
  bool dropped() const;

 private:
  Events& events_;
  std::shared_ptr<Queue> queue_;
  std::vector<EventPointer> past_;
};

}  // namespace wharf::engine
