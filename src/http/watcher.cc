#include "http/watcher.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

namespace wharf::http {

Watcher::~Watcher() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  os::write_all(wake_, {reinterpret_cast<const char*>(&one), sizeof one});
  thread_.join();
}

void Watcher::start() {
  epoll_ = os::Fd(os::check(WHARF_CALL(epoll_create1, EPOLL_CLOEXEC), "make epoll"));
  wake_ = os::Fd(os::check(WHARF_CALL(eventfd, 0, EFD_CLOEXEC), "make eventfd"));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = 0;
  os::check(WHARF_CALL(epoll_ctl, epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event),
            "watch eventfd");
  thread_ = std::thread([this] { run(); });
}

Watcher::Watch Watcher::watch(int socket, std::stop_source gone) {
  const std::lock_guard lock(mutex_);
  if (!thread_.joinable()) start();
  const std::uint64_t number = next_number_++;
  epoll_event event{};
  event.events = EPOLLRDHUP | EPOLLONESHOT;
  event.data.u64 = number;
  os::check(WHARF_CALL(epoll_ctl, epoll_.get(), EPOLL_CTL_ADD, socket, &event),
            "watch a connection");
  watched_.emplace(number, std::move(gone));
  return Watch(*this, number, socket);
}

void Watcher::drop(std::uint64_t number, int socket) {
  const std::lock_guard lock(mutex_);
  watched_.erase(number);
  WHARF_CALL(epoll_ctl, epoll_.get(), EPOLL_CTL_DEL, socket, nullptr);
}

void Watcher::run() {
  epoll_event event{};
  while (true) {
    const int ready = WHARF_CALL(epoll_wait, epoll_.get(), &event, 1, -1);
    if (ready < 1) continue;
    if (event.data.u64 == 0) return;
    std::stop_source gone(std::nostopstate);
    {
      const std::lock_guard lock(mutex_);
      const auto found = watched_.find(event.data.u64);
      if (found != watched_.end()) gone = found->second;
    }
    // Callbacks of the token run here, outside the lock: they may end other watches.
    gone.request_stop();
  }
}

Watcher::Watch::~Watch() {
  if (watcher_) watcher_->drop(number_, socket_);
}

}  // namespace wharf::http
