#include "logs/watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

namespace wharf::logs {

namespace {

os::Fd event_fd() {
  return os::Fd(os::check(WHARF_CALL(eventfd, 0, EFD_CLOEXEC | EFD_NONBLOCK), "make an eventfd"));
}

void raise(const os::Fd& event) {
  const std::uint64_t one = 1;
  // Full (EAGAIN) is as good as written: it is readable either way.
  [[maybe_unused]] const auto written = ::write(event.get(), &one, sizeof one);
}

}  // namespace

Watch::Watch()
    : inotify_(os::check(WHARF_CALL(inotify_init1, IN_CLOEXEC | IN_NONBLOCK), "watch log files")),
      stop_(event_fd()),
      thread_([this] { run(); }) {}

Watch::~Watch() {
  raise(stop_);
}

Watch::Interest Watch::on(const os::Path& directory) {
  auto signal = std::make_shared<os::Fd>(event_fd());
  const std::lock_guard lock(mutex_);
  const int descriptor = os::check(WHARF_CALL(inotify_add_watch, inotify_.get(), directory.c_str(),
                                              IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR),
                                   "watch {}", directory.string());
  interests_[descriptor].push_back(signal);
  return Interest(*this, descriptor, std::move(signal));
}

void Watch::leave(int descriptor, const Signal& signal) {
  const std::lock_guard lock(mutex_);
  const auto found = interests_.find(descriptor);
  if (found == interests_.end()) return;
  std::erase(found->second, signal);
  if (!found->second.empty()) return;
  interests_.erase(found);
  // The directory may be gone, and its watch with it.
  ::inotify_rm_watch(inotify_.get(), descriptor);
}

void Watch::run() {
  alignas(inotify_event) char buffer[4096];
  std::array<pollfd, 2> waits{{{inotify_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
  while (waits[1].revents == 0) {
    if (::poll(waits.data(), waits.size(), -1) < 0) continue;
    const auto got = ::read(inotify_.get(), buffer, sizeof buffer);
    if (got <= 0) continue;
    const std::lock_guard lock(mutex_);
    for (const char* at = buffer; at < buffer + got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(at);
      at += sizeof(inotify_event) + event->len;
      const bool overflow = (event->mask & IN_Q_OVERFLOW) != 0;
      for (const auto& [descriptor, signals] : interests_) {
        if (!overflow && descriptor != event->wd) continue;
        for (const Signal& signal : signals) raise(*signal);
      }
    }
  }
}

Watch::Interest::~Interest() {
  if (watch_) watch_->leave(descriptor_, signal_);
}

void Watch::Interest::clear() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(signal_->get(), &count, sizeof count);
}

}  // namespace wharf::logs
