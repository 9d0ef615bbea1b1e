#include "shipping/shipper.h"

#include <array>

#include "base/error.h"
#include "base/log.h"
#include "shipping/shipment.h"

namespace wharf::shipping {

namespace {

constexpr std::uint64_t kWakeupKey = 0;
/// What a container writes within this time is sent together.
constexpr std::chrono::milliseconds kGathered{20};
/// A receiver that is away already is not waited for much when a container is removed.
constexpr std::chrono::milliseconds kFailingPatience{1000};

}  // namespace

Shipper::Shipper(logs::Watch& watch)
    : watch_(watch), thread_([this](std::stop_token stop) { watch_all(stop); }) {
  epoll_.add(wakeup_.fd(), EPOLLIN, kWakeupKey);
}

Shipper::~Shipper() {
  thread_.request_stop();
  wakeup_.signal();
  thread_.join();
  const std::lock_guard lock(mutex_);
  for (const auto& [id, shipment] : by_id_) shipment->stop_.request_stop();
}

Shipper::Pointer Shipper::find(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

void Shipper::start(const Request& request) {
  std::uint64_t key = 0;
  {
    const std::lock_guard lock(mutex_);
    // Started again while the rest of its last run is still being sent.
    const auto found = by_id_.find(request.subject.id);
    if (found != by_id_.end()) {
      found->second->ended = request.ended;
      return;
    }
    key = next_key_++;
  }
  const auto shipment = std::make_shared<Shipment>(request, watch_, key);
  if (request.connect) shipment->connect();
  {
    const std::lock_guard lock(mutex_);
    by_id_[request.subject.id] = shipment;
    by_key_[key] = shipment;
  }
  epoll_.add(shipment->changes.fd(), EPOLLIN | EPOLLONESHOT, key);
  queue(shipment);
}

void Shipper::end(const std::string& id) {
  const Pointer shipment = find(id);
  if (!shipment) return;
  shipment->ended = true;
  queue(shipment);
}

void Shipper::remove(const std::string& id, std::chrono::milliseconds patience) {
  end(id);
  Pointer shipment = find(id);
  if (!shipment) return;
  if (shipment->failing()) patience = std::min(patience, kFailingPatience);
  {
    std::unique_lock lock(mutex_);
    left_.wait_for(lock, patience, [&] { return !by_id_.contains(id); });
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return;
    by_key_.erase(shipment->key);
    by_id_.erase(found);
  }
  shipment->stop_.request_stop();
  epoll_.remove(shipment->changes.fd());
  base::log_warn("container {}: removed before its log was sent", id);
  shipment->tell_end();
}

void Shipper::watch_all(std::stop_token stop) {
  std::array<epoll_event, 64> events{};
  while (!stop.stop_requested()) {
    for (const epoll_event& event : epoll_.wait(events, std::chrono::milliseconds(-1))) {
      if (event.data.u64 == kWakeupKey) continue;
      Pointer shipment;
      {
        const std::lock_guard lock(mutex_);
        const auto found = by_key_.find(event.data.u64);
        if (found != by_key_.end()) shipment = found->second.lock();
      }
      if (shipment) queue(shipment);
    }
  }
}

void Shipper::queue(const Pointer& shipment) {
  {
    const std::lock_guard lock(mutex_);
    if (shipment->busy) {
      shipment->again = true;
      return;
    }
    shipment->busy = true;
  }
  jobs_.run([this, shipment] { step(shipment); });
}

bool Shipper::finished(const Pointer& shipment) {
  {
    const std::lock_guard lock(mutex_);
    // Decided here, so that a start in this moment finds either it or nothing.
    if (!shipment->ended || shipment->again) return false;
    const auto found = by_id_.find(shipment->id());
    if (found == by_id_.end() || found->second != shipment) return true;
    by_key_.erase(shipment->key);
    by_id_.erase(found);
  }
  epoll_.remove(shipment->changes.fd());
  shipment->tell_end();
  left_.notify_all();
  return true;
}

void Shipper::step(const Pointer& shipment) {
  {
    const std::lock_guard lock(mutex_);
    shipment->again = false;
  }
  Shipment::Outcome outcome = Shipment::Outcome::Failed;
  try {
    outcome = shipment->send_some();
  } catch (const std::exception& error) {
    base::log_error("ship the log of container {}: {}", shipment->id(), error.what());
  }
  if (shipment->stop_.stop_requested()) return;
  if (outcome == Shipment::Outcome::Failed) {
    return jobs_.run_after(shipment->delay(), [this, shipment] { step(shipment); });
  }
  if (outcome == Shipment::Outcome::Sent) {
    const auto pause = shipment->ended ? std::chrono::milliseconds(0) : kGathered;
    return jobs_.run_after(pause, [this, shipment] { step(shipment); });
  }
  if (finished(shipment)) return;
  bool again = false;
  {
    const std::lock_guard lock(mutex_);
    again = shipment->again;
    shipment->busy = again;
  }
  if (again) return jobs_.run([this, shipment] { step(shipment); });
  epoll_.change(shipment->changes.fd(), EPOLLIN | EPOLLONESHOT, shipment->key);
}

}  // namespace wharf::shipping
