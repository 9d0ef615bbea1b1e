// POST /commit: the writable layer becomes a layer of a new image.
#include "image/commit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "archive/pack.h"
#include "archive/tar_writer.h"
#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "container/changes.h"
#include "container/merge.h"
#include "container/state.h"
#include "image/changes.h"
#include "os/file.h"
#include "os/mount.h"

namespace wharf::container {

namespace {

using base::Kind;
using Sink = std::function<void(std::string_view)>;

oci::Set image_set(const api::StringSet& set) {
  if (!set) return std::nullopt;
  oci::Set made;
  made.emplace();
  for (const auto& [key, empty] : *set) made->try_emplace(key);
  return made;
}

api::StringSet container_set(const oci::Set& set) {
  if (!set) return std::nullopt;
  api::StringSet made;
  made.emplace();
  for (const auto& [key, empty] : *set) made->try_emplace(key);
  return made;
}

/// Another type with the same members: Healthcheck and HealthConfig.
template <class To, class From>
std::optional<To> same_check(const std::optional<From>& from) {
  if (!from) return std::nullopt;
  To to;
  to.test = from->test;
  to.interval_ns = from->interval_ns;
  to.timeout_ns = from->timeout_ns;
  to.start_period_ns = from->start_period_ns;
  to.start_interval_ns = from->start_interval_ns;
  to.retries = from->retries;
  return to;
}

/// The part of a container's config that an image keeps.
oci::RunConfig image_config(const api::ContainerConfig& config) {
  oci::RunConfig made;
  made.user = config.user;
  made.exposed_ports = image_set(config.exposed_ports);
  made.env = config.env;
  made.entrypoint = config.entrypoint;
  made.cmd = config.cmd;
  made.volumes = image_set(config.volumes);
  made.working_dir = config.working_dir;
  made.labels = config.labels;
  made.stop_signal = config.stop_signal;
  made.args_escaped = config.args_escaped;
  made.healthcheck = same_check<oci::Healthcheck>(config.healthcheck);
  made.on_build = config.on_build;
  made.shell = config.shell;
  return made;
}

api::ContainerConfig container_config(const oci::RunConfig& config) {
  api::ContainerConfig made;
  made.user = config.user;
  made.exposed_ports = container_set(config.exposed_ports);
  made.env = config.env;
  made.entrypoint = config.entrypoint;
  made.cmd = config.cmd;
  made.volumes = container_set(config.volumes);
  made.working_dir = config.working_dir;
  made.labels = config.labels;
  made.stop_signal = config.stop_signal;
  made.args_escaped = config.args_escaped;
  made.healthcheck = same_check<api::HealthConfig>(config.healthcheck);
  made.on_build = config.on_build;
  made.shell = config.shell;
  return made;
}

/// Docker: the request's config (else the container's), changed by the lines, and what is still
/// missing from the container's.
oci::RunConfig new_config(const Record& record, const CommitOptions& options) {
  const oci::RunConfig own = image_config(record.config);
  oci::RunConfig wanted = options.config ? image_config(*options.config) : own;
  image::apply_changes(wanted, options.changes);
  api::ContainerConfig merged = container_config(wanted);
  merge(merged, own);
  return image_config(merged);
}

/// Frozen for as long as this lives. Needs the container's Turn.
class Frozen {
 public:
  Frozen(Containers::State& state, Container& container, bool wanted)
      : state_(state), container_(container) {
    const View view = container.view();
    if (!wanted || !std::holds_alternative<Running>(view.state)) return;
    run_ = view.run();
    run_->task.freeze();
    container.set_state(Paused{run_});
    state.publish(container.record(), "pause");
  }
  ~Frozen() {
    if (!run_) return;
    try {
      run_->task.thaw();
      if (container_.view().run() == run_) container_.set_state(Running{run_});
      state_.publish(container_.record(), "unpause");
    } catch (const base::Error& error) {
      base::log_error("unpause container {} after commit: {}", container_.id, error.what());
    }
  }
  Frozen(const Frozen&) = delete;

 private:
  Containers::State& state_;
  Container& container_;
  std::shared_ptr<Run> run_;
};

/// The changes of a writable layer as an OCI layer.
class LayerTar {
 public:
  LayerTar(const os::Fd& upper, const Sink& sink) : upper_(upper), tar_(sink), packer_(tar_) {}

  void add(const api::FilesystemChange& change) {
    const std::size_t slash = change.path.rfind('/');
    const std::string above = change.path.substr(0, slash);
    const std::string name = change.path.substr(slash + 1);
    if (change.kind == kDeleted) {
      archive::Entry whiteout;
      whiteout.name = (above + "/.wh." + name).substr(1);
      tar_.entry(whiteout);
      return;
    }
    // Whoever runs in there may have put a link in the place of a directory: it is passed over.
    const os::Fd parent = directory(above);
    if (parent) packer_.member(parent, name, change.path.substr(1));
  }
  void finish() { tar_.finish(); }

 private:
  os::Fd directory(const std::string& path) const {
    try {
      return os::open_beneath(upper_, path.empty() ? "." : path.substr(1),
                              O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    } catch (const base::Error&) {
      return {};
    }
  }

  const os::Fd& upper_;
  archive::TarWriter tar_;
  archive::Packer packer_;
};

bool write_changes(const Containers::State& state, const Record& record, const Sink& sink) {
  layer::Layers& layers = state.services.layers;
  const os::DetachedMount image = layers.mount_image(layers_of(record));
  const os::Fd upper = os::open_directory(layers.upper_directory(record.id));
  const std::vector<api::FilesystemChange> changes = find_changes(image.fd(), upper);
  if (changes.empty()) return false;
  std::string chunk;
  LayerTar tar(upper, [&](std::string_view bytes) {
    constexpr std::size_t kChunkBytes = 128 << 10;
    chunk += bytes;
    if (chunk.size() < kChunkBytes) return;
    sink(chunk);
    chunk.clear();
  });
  for (const api::FilesystemChange& change : changes) tar.add(change);
  tar.finish();
  sink(chunk);
  return true;
}

void check_state(const Container& container) {
  const View view = container.view();
  if (std::holds_alternative<Dead>(view.state)) {
    base::fail(Kind::Conflict, "You cannot commit container {} which is Dead", container.id);
  }
  if (view.removing) {
    base::fail(Kind::Conflict, "You cannot commit container {} which is being removed",
               container.id);
  }
}

}  // namespace

std::string Containers::commit(std::string_view name, const CommitOptions& options) {
  const ContainerPointer container = state_->find(name);
  check_state(*container);
  const Record record = container->record();
  image::CommitRequest request;
  request.parent = base::Digest::parse(record.image_id);
  request.diff_ids = layers_of(record);
  request.config = new_config(record, options);
  request.created_by = base::join(record.config.cmd.value_or(std::vector<std::string>{}), " ");
  request.author = options.author;
  request.comment = options.comment;
  request.name = options.image;

  // So that it is neither removed nor started meanwhile.
  const Container::Turn turn = container->take_turn();
  base::Digest id;
  {
    const Frozen frozen(*state_, *container, options.pause);
    id = image::commit(state_->services.images, request,
                       [&](const Sink& sink) { return write_changes(*state_, record, sink); });
  }
  state_->publish(record, "commit",
                  {{"comment", options.comment},
                   {"imageID", id.text()},
                   {"imageRef", options.image ? options.image->familiar() : ""}});
  return id.text();
}

}  // namespace wharf::container
