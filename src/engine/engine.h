// The engine: every service, built once, with the references it needs.
//
// Members are made top to bottom and destroyed bottom to top: what stands lower may use
// what stands higher. Routes get the Engine and call its services; each service says
// itself which threads may. There is one Engine in a process.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/time.h"
#include "build/builder.h"
#include "container/containers.h"
#include "content/blobs.h"
#include "engine/events.h"
#include "engine/host.h"
#include "engine/settings.h"
#include "image/images.h"
#include "layer/layers.h"
#include "network/networks.h"
#include "os/file.h"
#include "registry/registry.h"
#include "store/database.h"
#include "supervise/client.h"
#include "volume/volumes.h"

namespace wharf::engine {

struct Engine {
  /// Takes the locks of data root and exec root, opens the store, restores what exists.
  /// Throws base::Error that says what cannot be used and why.
  explicit Engine(Settings given);
  ~Engine();
  Engine(const Engine&) = delete;

  /// The settings as they are now; SIGHUP replaces them as a whole.
  std::shared_ptr<const Settings> settings() const;
  /// Takes new settings into use, as a whole, and publishes the event "daemon reload".
  void reload(Settings settings);

  /// Brings back what a daemon before this one left running. Once, before the first request.
  void restore();

  const base::Time started_at;
  const Host host;

  /// One daemon per root: held until the end, released by the kernel whatever that end is.
  const os::FileLock data_lock;
  const os::FileLock exec_lock;

  /// The id of this engine, made once per data root (`docker info`: ID).
  const std::string id;

  Events events;
  store::Database database;
  content::Blobs blobs;
  layer::Layers layers;
  registry::Registry registry;
  image::Images images;
  volume::Volumes volumes;
  network::Networks networks;
  supervise::Supervisors supervisors;
  container::Containers containers;
  build::Builder builder;

 private:
  mutable std::mutex settings_mutex_;
  std::shared_ptr<const Settings> settings_;
  /// Whom room image asks which containers use an image.
  std::unique_ptr<const image::Users> image_users_;
};

}  // namespace wharf::engine
