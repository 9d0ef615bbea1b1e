#include "engine/events.h"

#include "base/log.h"

namespace wharf::engine {

using EventPointer = std::shared_ptr<const base::Event>;

struct Events::Queue {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::deque<EventPointer> waiting;
  bool dropped = false;
};

void Events::publish(base::Event event) {
  if (event.time.is_zero()) event.time = base::now();
  const auto shared = std::make_shared<const base::Event>(std::move(event));
  const std::lock_guard lock(mutex_);
  kept_.push_back(shared);
  if (kept_.size() > kEventsKept) kept_.pop_front();
  std::erase_if(queues_, [&](const std::shared_ptr<Queue>& queue) {
    const std::lock_guard queue_lock(queue->mutex);
    queue->dropped = queue->waiting.size() >= kEventsQueued;
    if (!queue->dropped) queue->waiting.push_back(shared);
    queue->changed.notify_all();
    return queue->dropped;
  });
}

std::unique_ptr<Events::Subscription> Events::subscribe(std::optional<base::Time> since,
                                                        std::optional<base::Time> until) {
  auto queue = std::make_shared<Queue>();
  std::vector<EventPointer> past;
  const std::lock_guard lock(mutex_);
  for (const EventPointer& event : kept_) {
    // Docker: `until` alone replays as well, from the oldest event that is kept.
    if (!since && !until) break;
    if (since && event->time < *since) continue;
    if (until && event->time > *until) continue;
    past.push_back(event);
  }
  queues_.push_back(queue);
  return std::make_unique<Subscription>(*this, std::move(queue), std::move(past));
}

void Events::leave(const std::shared_ptr<Queue>& queue) {
  const std::lock_guard lock(mutex_);
  queues_.remove(queue);
}

std::size_t Events::subscribers() const {
  const std::lock_guard lock(mutex_);
  return queues_.size();
}

Events::Subscription::Subscription(Events& events, std::shared_ptr<Queue> queue,
                                   std::vector<EventPointer> past)
    : events_(events), queue_(std::move(queue)), past_(std::move(past)) {}

Events::Subscription::~Subscription() {
  events_.leave(queue_);
}

bool Events::Subscription::dropped() const {
  const std::lock_guard lock(queue_->mutex);
  return queue_->dropped && queue_->waiting.empty();
}

EventPointer Events::Subscription::next(std::stop_token stop, std::optional<base::Time> deadline) {
  std::unique_lock lock(queue_->mutex);
  const auto ready = [&] { return !queue_->waiting.empty() || queue_->dropped; };
  if (deadline) {
    const std::int64_t left = std::max<std::int64_t>(0, deadline->unix_ns - base::now().unix_ns);
    queue_->changed.wait_for(lock, stop, std::chrono::nanoseconds(left), ready);
  } else {
    queue_->changed.wait(lock, stop, ready);
  }
  if (queue_->waiting.empty()) return nullptr;
  EventPointer event = std::move(queue_->waiting.front());
  queue_->waiting.pop_front();
  return event;
}

}  // namespace wharf::engine
