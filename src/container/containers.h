// Every container of this daemon: what routes call.
//
// A container is named by its full id, its name (with or without '/'), or a unique prefix
// of its id. What exists is a row in the database; what runs is a supervisor. Verbs on one
// container take turns; none of them holds a lock while it waits for a container, a client
// or a registry, so a stuck container delays only its own callers.
//
// Thread-safe. Every function throws base::Error with Docker's texts.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "api/container.h"
#include "api/exec.h"
#include "api/version.h"
#include "base/filters.h"
#include "container/copy.h"
#include "container/mounts.h"
#include "container/services.h"
#include "container/settings.h"
#include "container/stats.h"
#include "container/streams.h"
#include "oci/reference.h"

namespace wharf::image {
struct Image;
}

namespace wharf::container {

struct CreateOptions {
  std::string name;      ///< As asked for; "" makes one up.
  std::string platform;  ///< "linux/arm64"; "" is this machine's.
  api::Version version;  ///< Of the request: older ones have other defaults.
  /// A step of a build: made of this image, which need not be among the images. Its layers are
  /// kept by the caller, and it is removed when a daemon starts that does not know the build.
  const image::Image* build_image = nullptr;
  std::vector<MountSpec> build_mounts = {};  ///< Of the step, beside what its config asks for.
};

struct StopOptions {
  std::string signal;                     ///< "": the container's own.
  std::optional<std::int64_t> timeout_s;  ///< -1 waits for ever; nothing: the container's own.
};

struct RemoveOptions {
  bool force = false;
  bool volumes = false;  ///< Anonymous ones too.
  bool link = false;
};

struct ListOptions {
  bool all = false;
  bool size = false;
  std::int64_t limit = -1;
  base::Filters filters;
};

struct CommitOptions {
  std::optional<api::ContainerConfig> config;  ///< Instead of the container's.
  std::vector<std::string> changes;            ///< Dockerfile lines.
  std::string author;
  std::string comment;
  std::optional<oci::Reference> image;  ///< Without: an image that has no name.
  bool pause = true;
};

enum class WaitCondition { NotRunning, NextExit, Removed };

/// What wait() will answer with; get() blocks until then.
class Wait {
 public:
  virtual ~Wait() = default;
  /// Throws Cancelled when `stop` is requested.
  virtual api::WaitResponse get(std::stop_token stop) = 0;
};

struct Counts {
  std::size_t running = 0;
  std::size_t paused = 0;
  std::size_t stopped = 0;
};

class Containers {
 public:
  Containers(Settings settings, Services services);
  ~Containers();  ///< Running containers go on.
  Containers(const Containers&) = delete;

  /// Reads every record, takes over what still runs, applies --rm and restart policies to what
  /// ended meanwhile. A broken record becomes a dead container. Once, before any other call.
  void restore();

  api::CreateResponse create(api::CreateRequest request, const CreateOptions& options);
  void start(std::string_view name);
  void stop(std::string_view name, const StopOptions& options);
  void kill(std::string_view name, std::string_view signal);
  void restart(std::string_view name, const StopOptions& options);
  void pause(std::string_view name);
  void unpause(std::string_view name);
  void rename(std::string_view name, std::string_view to);
  void remove(std::string_view name, const RemoveOptions& options);
  void resize(std::string_view name, std::uint32_t rows, std::uint32_t columns);
  /// Warnings.
  std::vector<std::string> update(std::string_view name, const api::UpdateRequest& request);

  /// Also while it runs: it gets or loses an interface. `settings` as the user asks for them.
  void connect(std::string_view name, std::string_view network,
               const std::optional<api::EndpointSettings>& settings);
  void disconnect(std::string_view name, std::string_view network, bool force);

  /// Registers at once, so that an exit between this call and get() is not missed.
  std::unique_ptr<Wait> wait(std::string_view name, WaitCondition condition);

  api::ContainerInspect inspect(std::string_view name, bool size);
  std::vector<api::ContainerSummary> list(const ListOptions& options);
  api::TopResponse top(std::string_view name, std::string_view ps_arguments);
  std::vector<api::FilesystemChange> changes(std::string_view name);
  api::PruneResponse prune(const base::Filters& filters);

  /// HEAD and GET of archive: `path` and what is in it, when it is sent. NotFound with Docker's
  /// text where nothing is there.
  std::unique_ptr<Archive> archive(std::string_view name, const std::string& path);
  /// PUT of archive: unpacks what `source` gives, compressed or not.
  void extract(std::string_view name, const ExtractOptions& options, const ByteSource& source);
  /// The root file system without any mount.
  std::unique_ptr<Archive> export_files(std::string_view name);

  /// Gives the writable layer of a step of a build that has ended to `take`, which moves it away:
  /// without the places to mount things over that the engine made, `stubs` among them. What
  /// remains of the step can only be removed.
  void take_changes(std::string_view name, const std::vector<std::string>& stubs,
                    const std::function<void(const os::Path& upper)>& take);

  /// A step of a build becomes a container as others are; its layers must be committed.
  void keep_step(std::string_view name);

  /// The id of the new image.
  std::string commit(std::string_view name, const CommitOptions& options);

  /// Gives `sink` what the container uses: once, or every second until it is removed or `stop` is
  /// requested. Of one that does not run there are zeros.
  void stats(std::string_view name, const StatsOptions& options, const StatsSink& sink,
             std::stop_token stop);
  /// The same of all that run.
  void stats_of_all(const StatsOptions& options, const StatsSink& sink, std::stop_token stop);

  /// Checks that attaching is possible now, and opens the container's side of it.
  std::unique_ptr<Attached> attach(std::string_view name, const AttachOptions& options);

  /// What HostConfig.LogConfig.Type may be.
  static std::vector<std::string> log_drivers();

  /// Checks and opens; the log is then read by Log::send().
  std::unique_ptr<Log> logs(std::string_view name, const LogQuery& query);

  /// The id of the exec.
  std::string create_exec(std::string_view name, const api::ExecCreateRequest& request);
  /// Starts it in the background. Throws when it could not be started.
  void start_exec_detached(std::string_view id);
  /// The exec, claimed for one start with streams: Attached::run() starts it.
  std::unique_ptr<Attached> start_exec(std::string_view id, const api::ExecStartRequest& request);
  api::ExecInspect inspect_exec(std::string_view id);
  void resize_exec(std::string_view id, std::uint32_t rows, std::uint32_t columns);

  /// Throws NotFound "No such container: x". The full id.
  std::string resolve(std::string_view name) const;
  /// Containers made from `image` (its id), for `docker rmi`; running ones first.
  struct User {
    std::string id;
    bool running = false;
  };
  std::vector<User> users_of_image(std::string_view image_id) const;
  Counts count() const;
  /// Whether containers are in a user namespace unless they say otherwise.
  bool remaps_ids() const;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace wharf::container
