#include "os/poll.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace wharf::os {
namespace {

using Clock = std::chrono::steady_clock;

/// What is left until `deadline`, rounded up so that a wait never ends just before it.
int left(Clock::time_point deadline) {
  const auto rest = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return rest < 0 ? 0 : static_cast<int>(rest);
}

}  // namespace

short wait_for(const Fd& fd, short events, std::chrono::milliseconds time) {
  const bool forever = time.count() < 0;
  const auto deadline = Clock::now() + time;
  while (true) {
    pollfd entry{fd.get(), events, 0};
    const int ready = WHARF_CALL(poll, &entry, nfds_t{1}, forever ? -1 : left(deadline));
    if (ready > 0) return entry.revents;
    if (ready == 0) return 0;
    if (errno != EINTR) throw last_error("poll");
  }
}

Epoll::Epoll() : fd_(check(WHARF_CALL(epoll_create1, EPOLL_CLOEXEC), "make epoll")) {}

void Epoll::add(const Fd& fd, std::uint32_t events, std::uint64_t key) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = key;
  check(WHARF_CALL(epoll_ctl, fd_.get(), EPOLL_CTL_ADD, fd.get(), &event), "add to epoll");
}

void Epoll::change(const Fd& fd, std::uint32_t events, std::uint64_t key) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = key;
  check(WHARF_CALL(epoll_ctl, fd_.get(), EPOLL_CTL_MOD, fd.get(), &event), "change in epoll");
}

void Epoll::remove(const Fd& fd) {
  check(WHARF_CALL(epoll_ctl, fd_.get(), EPOLL_CTL_DEL, fd.get(), nullptr), "remove from epoll");
}

std::span<epoll_event> Epoll::wait(std::span<epoll_event> into, std::chrono::milliseconds time) {
  const int count = WHARF_CALL(epoll_wait, fd_.get(), into.data(), static_cast<int>(into.size()),
                               static_cast<int>(time.count()));
  if (count < 0 && errno == EINTR) return {};
  return into.first(static_cast<std::size_t>(check(count, "wait for events")));
}

Wakeup::Wakeup()
    : fd_(check(WHARF_CALL(eventfd, 0u, EFD_CLOEXEC | EFD_NONBLOCK), "make eventfd")) {}

void Wakeup::signal() {
  const std::uint64_t one = 1;
  // EAGAIN: the counter is full, and the waiter is woken anyway.
  if (WHARF_CALL(write, fd_.get(), &one, sizeof one) < 0 && errno != EAGAIN)
    throw last_error("wake");
}

void Wakeup::clear() {
  std::uint64_t count = 0;
  if (WHARF_CALL(read, fd_.get(), &count, sizeof count) < 0 && errno != EAGAIN)
    throw last_error("clear wakeup");
}

}  // namespace wharf::os
