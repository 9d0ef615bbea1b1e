#include "logs/follower.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace wharf::logs {

namespace {

/// How far back a rotated file is looked for among those kept.
constexpr int kOldestLooked = 1000;

std::optional<os::Fd> open_log(const os::Fd& directory, const std::string& name) {
  os::Fd file(WHARF_CALL(openat, directory.get(), name.c_str(),
                         O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid()) return std::nullopt;
  return file;
}

bool is_same(const os::Fd& directory, const std::string& name, const struct stat& file) {
  struct stat there{};
  if (::fstatat(directory.get(), name.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) return false;
  return there.st_ino == file.st_ino && there.st_dev == file.st_dev;
}

}  // namespace

Follower::Follower(const os::Fd& directory, std::string name, std::optional<RecordReader> from,
                   Watch::Interest& changes, Format format)
    : directory_(directory),
      name_(std::move(name)),
      reader_(std::move(from)),
      changes_(changes),
      format_(format) {}

bool Follower::advance() {
  if (!reader_) {
    auto file = open_log(directory_, name_);
    if (file) reader_.emplace(std::move(*file), 0, format_);
    return file.has_value();
  }
  const struct stat ours = os::status(reader_->file());
  if (is_same(directory_, name_, ours)) {
    reader_->rewind_if_truncated();
    return false;
  }
  std::string newer = name_;
  for (int age = 1; age <= kOldestLooked; ++age) {
    std::string rotated = name_ + "." + std::to_string(age);
    if (is_same(directory_, rotated, ours)) break;
    if (::faccessat(directory_.get(), rotated.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
      // Ours was deleted or compressed: what is certainly newer is the current file.
      newer = name_;
      break;
    }
    newer = std::move(rotated);
  }
  auto file = open_log(directory_, newer);
  if (!file) return false;
  reader_.emplace(std::move(*file), 0, format_);
  return true;
}

std::optional<std::string_view> Follower::next_now() {
  do {
    if (!reader_) continue;
    if (auto record = reader_->next()) return record;
    // The file may have been renamed just now; what was written before that is still in it.
    const bool renamed = !is_same(directory_, name_, os::status(reader_->file()));
    if (!renamed) continue;
    if (auto record = reader_->next()) return record;
  } while (advance());
  return std::nullopt;
}

std::optional<std::string_view> Follower::next(const os::Fd& ended, std::stop_token stop,
                                               const std::function<void()>& before_wait) {
  if (auto record = next_now()) return record;
  const os::Fd stopped(os::check(WHARF_CALL(eventfd, 0, EFD_CLOEXEC), "make an eventfd"));
  const std::stop_callback wake(stop, [&] {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(stopped.get(), &one, sizeof one);
  });
  while (!stop.stop_requested()) {
    changes_.clear();
    if (auto record = next_now()) return record;
    if (last_look_) return std::nullopt;
    before_wait();
    std::array<pollfd, 3> waits{
        {{changes_.fd().get(), POLLIN, 0}, {ended.get(), POLLIN, 0}, {stopped.get(), POLLIN, 0}}};
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) {
      throw os::last_error("wait for log");
    }
    // Everything is written before the container counts as ended: one more look sees it all.
    if (waits[1].revents != 0) last_look_ = true;
  }
  return std::nullopt;
}

}  // namespace wharf::logs
