#include "engine/engine.h"

#include "base/ids.h"
#include "base/log.h"
#include "os/file.h"

namespace wharf::engine {
namespace {

constexpr mode_t kDataRootMode = 0710;   // Docker: only root and its group pass through (threats A22).
constexpr mode_t kExecRootMode = 0700;

/// The id that `docker info` shows: made once, kept in the data root as dockerd does.
std::string engine_id(const std::string& data_root) {
  const std::string path = data_root + "/engine-id";
  const std::optional<std::string> kept = os::read_file_if_exists(path);
  if (kept && !kept->empty()) return *kept;
  const std::string raw = base::random_id();
  // The shape of a UUID, version 4.
  const std::string id = fmt::format("{}-{}-4{}-a{}-{}", raw.substr(0, 8), raw.substr(8, 4), raw.substr(13, 3),
                                     raw.substr(17, 3), raw.substr(20, 12));
  os::replace_file(path, id, 0600, os::Durability::Synced);
  return id;
}

os::FileLock lock_root(const std::string& root, mode_t mode) {
  os::make_directories(root, mode);
  return os::FileLock::acquire(root + "/wharfd.lock");
}

}  // namespace

Engine::Engine(Settings settings)
    : started_at(base::now()),
      host(read_host()),
      data_lock(lock_root(settings.data_root, kDataRootMode)),
      exec_lock(lock_root(settings.exec_root, kExecRootMode)),
      id(engine_id(settings.data_root)),
      settings_(std::make_shared<const Settings>(std::move(settings))) {}

Engine::~Engine() = default;

std::shared_ptr<const Settings> Engine::settings() const {
  const std::lock_guard lock(settings_mutex_);
  return settings_;
}

void Engine::replace_settings(Settings settings) {
  auto replaced = std::make_shared<const Settings>(std::move(settings));
  const std::lock_guard lock(settings_mutex_);
  settings_ = std::move(replaced);
}

}  // namespace wharf::engine
