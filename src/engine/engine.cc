#include "engine/engine.h"

#include "base/fields.h"
#include "base/ids.h"
#include "base/log.h"
#include "engine/room_settings.h"
#include "os/file.h"

namespace wharf::engine {
namespace {

constexpr mode_t kDataRootMode =
    0710;  // Docker: only root and its group pass through (threats A22).
constexpr mode_t kExecRootMode = 0700;

/// The id that `docker info` shows: made once, kept in the data root as dockerd does.
std::string engine_id(const std::string& data_root) {
  const std::string path = data_root + "/engine-id";
  const std::optional<std::string> kept = os::read_file_if_exists(path);
  if (kept && !kept->empty()) return *kept;
  const std::string raw = base::random_id();
  // The shape of a UUID, version 4.
  const std::string id = fmt::format("{}-{}-4{}-a{}-{}", raw.substr(0, 8), raw.substr(8, 4),
                                     raw.substr(13, 3), raw.substr(17, 3), raw.substr(20, 12));
  os::replace_file(path, id, 0600, os::Durability::Synced);
  return id;
}

os::FileLock lock_root(const std::string& root, mode_t mode) {
  os::make_directories(root, mode);
  return os::FileLock::acquire(root + "/wharfd.lock");
}

/// Which containers were made from an image, told by the room that knows.
class ImageUsers final : public image::Users {
 public:
  ImageUsers(const container::Containers& containers, build::Builder& builder)
      : containers_(containers), builder_(builder) {}

  std::vector<image::User> users_of(const base::Digest& image) const override {
    std::vector<image::User> users;
    for (const auto& user : containers_.users_of_image(image.text())) {
      users.push_back({user.id, user.running});
    }
    return users;
  }
  void image_removed(const base::Digest& image) const override {
    builder_.cache().forget_image(image);
  }

 private:
  const container::Containers& containers_;
  build::Builder& builder_;
};

/// Docker: the event tells every value that a reload can change.
std::map<std::string, std::string> reload_attributes(const Host& host, const Settings& settings) {
  const auto boolean = [](bool value) { return std::string(value ? "true" : "false"); };
  return {{"name", host.name},
          {"debug", boolean(settings.debug)},
          {"live-restore", boolean(settings.live_restore)},
          {"max-concurrent-downloads", std::to_string(settings.registry.downloads_at_once)},
          {"max-concurrent-uploads", std::to_string(settings.registry.uploads_at_once)},
          {"max-download-attempts", std::to_string(settings.registry.download_attempts)},
          {"shutdown-timeout", std::to_string(settings.shutdown_timeout_s)},
          {"default-stop-timeout", std::to_string(settings.containers.stop_timeout_s)},
          {"labels", base::to_text(base::to_json(settings.labels))},
          {"insecure-registries", base::to_text(base::to_json(settings.registry.insecure))},
          {"registry-mirrors", base::to_text(base::to_json(settings.registry.mirrors))},
          {"default-shm-size", std::to_string(settings.containers.shm_bytes)}};
}

}  // namespace

Engine::Engine(Settings given)
    : started_at(base::now()),
      host(read_host()),
      data_lock(lock_root(given.data_root, kDataRootMode)),
      exec_lock(lock_root(given.exec_root, kExecRootMode)),
      id(engine_id(given.data_root)),
      database(given.data_root + "/wharf.db"),
      blobs(given.data_root),
      layers(given.data_root, database),
      registry(registry_settings(given)),
      images(image::Stores{database, blobs, layers, events}),
      volumes(given.data_root, database, events),
      networks(network_settings(given), database, events),
      supervisors({.runtime = supervise::Supervisors::default_runtime()}),
      containers(container_settings(given),
                 {database, layers, images, volumes, networks, supervisors, events}),
      builder(
          {os::Path(given.data_root) / "build", database, layers, images, registry, containers}),
      settings_(std::make_shared<const Settings>(std::move(given))),
      image_users_(std::make_unique<ImageUsers>(containers, builder)) {
  if (const std::optional<os::Path>& damaged = database.set_aside()) {
    base::log_error("the database was damaged: it is kept at {}, and what it knew is lost",
                    damaged->string());
  }
  images.set_users(image_users_.get());
}

Engine::~Engine() = default;

std::shared_ptr<const Settings> Engine::settings() const {
  const std::lock_guard lock(settings_mutex_);
  return settings_;
}

void Engine::reload(Settings settings) {
  auto replaced = std::make_shared<const Settings>(std::move(settings));
  {
    const std::lock_guard lock(settings_mutex_);
    settings_ = replaced;
  }
  events.publish({"daemon", "reload", id, reload_attributes(host, *replaced), {}});
}

void Engine::restore() {
  containers.restore();
  // Whatever no container owns any more goes now: interfaces, ports, layers, documents, half-made
  // things.
  networks.restored();
  images.collect();
}

}  // namespace wharf::engine
