#include "volume/volumes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/event.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/strings.h"
#include "volume/copy.h"
#include "volume/options.h"
#include "volume/state.h"

namespace wharf::volume {

using base::fail;
using base::Kind;

namespace {

constexpr const char* kAnonymousLabel = "com.docker.volume.anonymous";

Volume view(const Kept& kept) {
  Volume volume = kept.volume;
  for (auto it = kept.containers.begin(); it != kept.containers.end();
       it = kept.containers.upper_bound(*it)) {
    volume.containers.push_back(*it);
  }
  return volume;
}

}  // namespace

bool Volume::anonymous() const {
  return labels && labels->contains(kAnonymousLabel);
}

Volumes::Volumes(os::Path data_root, store::Database& database, base::EventSink& events)
    : state_(new State{data_root / "volumes", database, events, {}, {}}) {
  os::make_directories(state_->directory, 0701);
  state_->load();
  state_->finish_removals();
  state_->adopt_strays();
}

Volumes::~Volumes() = default;

void Volumes::State::publish(const char* action, const Volume& volume) {
  base::Event event;
  event.type = "volume";
  event.action = action;
  event.id = volume.name;
  event.attributes = {{"driver", volume.driver}};
  events.publish(std::move(event));
}

Volume Volumes::create(const CreateOptions& options) {
  return make(options, "");
}

Attachment Volumes::create_attached(const CreateOptions& options, const std::string& container_id,
                                    Volume& volume) {
  volume = make(options, container_id);
  return Attachment(*this, volume.name, container_id);
}

/// Attached to `container_id` where that is not empty.
Volume Volumes::make(const CreateOptions& options, const std::string& container_id) {
  Volume volume;
  volume.name = options.name.empty() ? base::random_id() : options.name;
  volume.labels = options.labels;
  if (options.name.empty()) {
    if (!volume.labels) volume.labels.emplace();
    volume.labels->emplace(kAnonymousLabel, "");
  }
  volume.options = options.driver_options;
  // Docker: whether a name will do is the driver's to say, so the driver is looked for first.
  if (options.driver != "local" && !options.driver.empty()) {
    fail(Kind::NotFound, "create {}: error looking up volume plugin {}: plugin {} not found",
         volume.name, options.driver, base::quoted(options.driver));
  }
  check_name(volume.name);
  if (volume.options) check_options(volume.name, *volume.options);
  volume.mountpoint = state_->path_of(volume.name) / "_data";
  volume.created = base::now();

  auto fresh = std::make_shared<Kept>();
  fresh->volume = volume;
  if (!container_id.empty()) fresh->containers.insert(container_id);
  const std::lock_guard making(fresh->busy);
  while (const KeptPointer there = state_->insert(fresh)) {
    // Made by another call, perhaps at this moment: it exists when that call is done. One
    // that is being removed is gone then, and the name is free.
    const std::lock_guard wait(there->busy);
    if (there->removed) continue;
    const std::lock_guard lock(state_->mutex);
    if (!container_id.empty()) there->containers.insert(container_id);
    return view(*there);
  }
  try {
    state_->make_directory(volume.name);
    state_->save(volume);
  } catch (...) {
    fresh->removed = true;
    const std::lock_guard lock(state_->mutex);
    state_->volumes.erase(volume.name);
    throw;
  }
  state_->publish("create", volume);
  return volume;
}

KeptPointer Volumes::State::insert(const KeptPointer& fresh) {
  const std::lock_guard lock(mutex);
  const auto [at, inserted] = volumes.emplace(fresh->volume.name, fresh);
  return inserted ? nullptr : at->second;
}

Volume Volumes::inspect(std::string_view name) const {
  const KeptPointer kept = state_->find(name);
  const std::lock_guard lock(state_->mutex);
  return view(*kept);
}

std::vector<Volume> Volumes::list() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<Volume> volumes;
  for (const auto& [name, kept] : state_->volumes) volumes.push_back(view(*kept));
  return volumes;
}

/// `kept.busy` is held. Renamed first: from then on its name is free and a crash finishes it.
void Volumes::State::remove_kept(const KeptPointer& kept) {
  const std::string& name = kept->volume.name;
  const os::Path doomed =
      directory / fmt::format("{}{}-{}", kRemoving, base::random_id().substr(0, 12), name);
  if (WHARF_CALL(rename, path_of(name).c_str(), doomed.c_str()) < 0 && errno != ENOENT) {
    throw os::last_error("remove {}: set its directory aside", name);
  }
  erase(name);
  kept->removed = true;
  {
    const std::lock_guard lock(mutex);
    volumes.erase(name);
  }
  os::remove_tree(doomed);
  publish("destroy", kept->volume);
}

void Volumes::remove(std::string_view name, bool force) {
  KeptPointer kept;
  try {
    kept = state_->find(name);
  } catch (const base::Error& error) {
    if (force && error.kind() == Kind::NotFound) return;
    throw;
  }
  const std::lock_guard busy(kept->busy);
  {
    const std::lock_guard lock(state_->mutex);
    if (!kept->containers.empty()) {
      fail(Kind::Conflict, "remove {}: volume is in use - [{}]", name,
           base::join(view(*kept).containers, ", "));
    }
    if (kept->removed) fail(Kind::NotFound, "get {}: no such volume", name);
    kept->removed = true;  // Nobody attaches it from here on.
  }
  try {
    state_->remove_kept(kept);
  } catch (...) {
    const std::lock_guard lock(state_->mutex);
    kept->removed = !state_->volumes.contains(name);
    throw;
  }
}

Volumes::Pruned Volumes::prune(const std::function<bool(const Volume&)>& matches) {
  Pruned pruned;
  for (const Volume& volume : list()) {
    if (!volume.containers.empty() || !matches(volume)) continue;
    try {
      const std::uint64_t bytes = size_bytes(volume.name);
      remove(volume.name, false);
      pruned.names.push_back(volume.name);
      pruned.bytes += bytes;
    } catch (const base::Error& error) {
      // Attached or removed since it was listed: no longer ours to prune.
      base::log_debug("volume {} is not pruned: {}", volume.name, error.what());
    }
  }
  return pruned;
}

Attachment Volumes::attach(std::string_view name, std::string container_id) {
  const KeptPointer kept = state_->find(name);
  const std::lock_guard lock(state_->mutex);
  if (kept->removed) fail(Kind::NotFound, "get {}: no such volume", name);
  kept->containers.insert(container_id);
  return Attachment(*this, kept->volume.name, std::move(container_id));
}

void Volumes::detach(const std::string& name, const std::string& container_id) {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->volumes.find(name);
  if (found == state_->volumes.end()) return;
  auto& containers = found->second->containers;
  if (const auto one = containers.find(container_id); one != containers.end())
    containers.erase(one);
}

os::Fd Volumes::open(std::string_view name) const {
  const KeptPointer kept = state_->find(name);
  const std::string source = kept->volume.options ? bind_source(*kept->volume.options) : "";
  if (!source.empty()) return os::open_directory(source);
  return os::open_file(kept->volume.mountpoint, O_PATH | O_DIRECTORY | O_NOFOLLOW);
}

void Volumes::copy_up(std::string_view name, const os::Fd& root, std::string_view path) {
  const KeptPointer kept = state_->find(name);
  const std::lock_guard busy(kept->busy);
  if (kept->removed) fail(Kind::NotFound, "get {}: no such volume", name);
  if (kept->volume.options && !kept->volume.options->empty()) return;
  const os::Path data = kept->volume.mountpoint;
  const os::Fd to = os::open_file(data, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!is_empty_directory(to)) return;
  os::Fd from;
  try {
    from = os::open_in_root(root, path, O_RDONLY | O_DIRECTORY);
  } catch (const base::Error& error) {
    if (error.error_number() == ENOENT || error.error_number() == ENOTDIR) return;
    throw;
  }
  bool shared = false;
  {
    const std::lock_guard lock(state_->mutex);
    shared = kept->containers.size() > 1;
  }
  // Others may have the directory mounted: then it must stay the same one.
  if (shared) return copy_tree(from, to);
  const os::Path fresh = state_->path_of(kept->volume.name) / ".copy-up";
  os::remove_tree(fresh);  // Of a copy that was cut short.
  os::check(WHARF_CALL(mkdir, fresh.c_str(), 0700), "make directory {}", fresh.native());
  copy_tree(from, os::open_file(fresh, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  os::check(WHARF_CALL(rename, fresh.c_str(), data.c_str()), "fill volume {}", name);
}

std::uint64_t Volumes::size_bytes(std::string_view name) const {
  const KeptPointer kept = state_->find(name);
  return tree_bytes(os::open_file(kept->volume.mountpoint, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
}

Attachment::Attachment(Volumes& volumes, std::string name, std::string container_id)
    : volumes_(&volumes), name_(std::move(name)), container_id_(std::move(container_id)) {}

Attachment::Attachment(Attachment&& other) noexcept {
  *this = std::move(other);
}

Attachment& Attachment::operator=(Attachment&& other) noexcept {
  if (this != &other) {
    if (volumes_) volumes_->detach(name_, container_id_);
    volumes_ = std::exchange(other.volumes_, nullptr);
    name_ = std::move(other.name_);
    container_id_ = std::move(other.container_id_);
  }
  return *this;
}

Attachment::~Attachment() {
  if (volumes_) volumes_->detach(name_, container_id_);
}

}  // namespace wharf::volume
