#include "layer/trash.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/ids.h"
#include "base/log.h"
#include "os/tree.h"

namespace wharf::layer {

Trash::Trash(const os::Path& directory) : path_(directory) {
  os::make_directories(directory, 0700);
  directory_ = os::open_file(directory, O_RDONLY | O_DIRECTORY);
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    names_.push_back(entry.path().filename().native());
  }
  left_ = names_.size();
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

Trash::~Trash() = default;

void Trash::take(const os::Path& path) {
  const std::string name = base::hex(base::random_bytes(12));
  if (WHARF_CALL(renameat, AT_FDCWD, path.c_str(), directory_.get(), name.c_str()) < 0) {
    if (errno == ENOENT) return;
    // Somebody has mounted a file system of its own there.
    if (errno == EXDEV) return os::remove_tree(path);
    throw os::last_error("move {} to the trash", path.native());
  }
  {
    const std::lock_guard lock(lock_);
    names_.push_back(name);
    ++left_;
  }
  changed_.notify_all();
}

void Trash::empty() {
  std::unique_lock lock(lock_);
  changed_.wait(lock, [&] { return left_ == 0; });
}

void Trash::run(std::stop_token stop) {
  std::unique_lock lock(lock_);
  while (changed_.wait(lock, stop, [&] { return !names_.empty(); })) {
    if (stop.stop_requested()) return;
    const std::string name = std::move(names_.front());
    names_.pop_front();
    lock.unlock();
    try {
      os::remove_beneath(directory_, name);
    } catch (const base::Error& error) {
      // It stays in the trash and is tried again at the next start.
      base::log_warn("trash {}: {}", path_.native(), error.what());
    }
    lock.lock();
    --left_;
    changed_.notify_all();
  }
}

}  // namespace wharf::layer
