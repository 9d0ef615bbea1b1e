// Rename, remove, prune.
#include <cerrno>
#include <csignal>

#include "base/error.h"
#include "base/log.h"
#include "container/health.h"
#include "container/names.h"
#include "container/state.h"
#include "os/file.h"

namespace wharf::container {

namespace {

using base::Kind;

constexpr int kRemoveAttempts = 5;
constexpr std::int64_t kKillPatienceSeconds = 10;
/// Docker: so long may a logging driver take for what is left.
constexpr std::chrono::seconds kShippingPatience{10};

/// A container on its way out; if the removal fails it is dead, and can be tried again.
class Removing {
 public:
  explicit Removing(Container& container) : container_(container) {
    if (!container.begin_removing()) {
      base::fail(Kind::Conflict, "removal of container {} is already in progress", container.id);
    }
  }
  ~Removing() {
    if (!container_.removed()) container_.end_removing();
  }

 private:
  Container& container_;
};

[[noreturn]] void refuse_running(const View& view, std::string_view name) {
  const char* state = "running: stop the container before removing or force remove";
  if (std::holds_alternative<Paused>(view.state)) state = "paused and must be unpaused first";
  if (std::holds_alternative<Restarting>(view.state)) {
    state = "restarting: stop the container before removing or force remove";
  }
  base::fail(Kind::Conflict, "cannot remove container \"{}\": container is {}", name, state);
}

void remove_anonymous_volumes(const Containers::State& state, const Record& record) {
  for (const MountSpec& mount : record.mounts) {
    if (mount.type != MountSpec::Type::Volume || !mount.anonymous) continue;
    try {
      state.services.volumes.remove(mount.name, false);
    } catch (const base::Error& error) {
      // Another container has it by --volumes-from.
      base::log_debug("keep volume {}: {}", mount.name, error.what());
    }
  }
}

/// The container is gone whether or not its directories go with it: whoever waits must hear so.
void discard_directories(const Containers::State& state, const std::string& id) {
  try {
    state.services.layers.remove_writable(id);
    state.services.layers.discard(state.directory(id));
  } catch (const base::Error& error) {
    base::log_error("remove directories of container {}: {}; swept at the next start", id,
                    error.what());
  }
}

}  // namespace

void Containers::State::remove_turned(const ContainerPointer& container, bool volumes) {
  const Record record = container->record();
  end_health(*container);
  shipper.remove(record.id, kShippingPatience);
  // The row first: without it what is left on disk is rubbish that the next start sweeps.
  services.database.write(
      [&](store::Transaction& transaction) {
        transaction.run("DELETE FROM containers WHERE id = ?", {record.id});
        services.layers.release(transaction, "container:" + record.id);
      },
      row_durability(record));
  erase(*container);
  discard_directories(*this, record.id);
  container->volume_claims.clear();
  if (volumes) remove_anonymous_volumes(*this, record);
  publish(record, "destroy");
  container->set_removed();
}

void Containers::remove(std::string_view name, const RemoveOptions& options) {
  const ContainerPointer container = state_->find(name);
  if (options.link) {
    base::fail(Kind::Internal, "Conflict, cannot remove the default link name of the container");
  }
  const View view = container->view();
  if (view.running() && !options.force) refuse_running(view, name);
  const Removing removing(*container);
  for (int attempt = 0; attempt < kRemoveAttempts; ++attempt) {
    if (container->view().running() && options.force) {
      container->set_manually_stopped(true);
      state_->stop_running(*container, SIGKILL, kKillPatienceSeconds);
    }
    const Container::Turn turn = container->take_turn();
    // A start that was under way when the removal began may have come first; no other does.
    if (container->view().run()) continue;
    state_->remove_turned(container, options.volumes);
    return;
  }
  refuse_running(container->view(), name);
}

void Containers::rename(std::string_view name, std::string_view to) {
  const ContainerPointer container = state_->find(name);
  if (to.empty() || to == "/") {
    base::fail(Kind::InvalidArgument, "Neither old nor new names may be empty");
  }
  const std::string wanted = checked_name(to);
  const Container::Turn turn = container->take_turn();
  const std::string old = container->name();
  if (wanted == old) {
    base::fail(Kind::InvalidArgument,
               "Renaming a container with the same name as its current name");
  }
  state_->reserve_name(wanted, container->id);
  Record record = container->record();
  record.name = wanted;
  try {
    const std::string text = base::to_text(to_json(record));
    state_->services.database.write([&](store::Transaction& transaction) {
      transaction.run("UPDATE containers SET name = ?, record = ? WHERE id = ?",
                      {wanted, text, container->id});
    });
  } catch (const base::Error&) {
    state_->release_name(wanted, container->id);
    throw;
  }
  container->change_record([&](Record& changed) { changed.name = wanted; });
  if (const std::shared_ptr<Run> run = container->view().run()) {
    state_->services.networks.rename(run->sandbox, wanted);
    state_->keep_run(*container, *run);
  }
  state_->release_name(old, container->id);
  state_->publish(record, "rename", {{"oldName", "/" + old}});
}

api::PruneResponse Containers::prune(const base::Filters& filters) {
  filters.require_known({"until", "label", "label!"});
  const std::optional<base::Time> until = filters.until(base::now());
  api::PruneResponse response;
  for (const ContainerPointer& container : state_->all()) {
    const View view = container->view();
    const Record record = container->record();
    const auto labels = record.config.labels.value_or(api::StringMap::value_type{});
    if (view.running() || view.removing) continue;
    if (until && record.created >= *until) continue;
    if (!filters.labels("label", labels)) continue;
    if (filters.contains("label!") && filters.labels("label!", labels)) continue;
    const std::uint64_t size = state_->services.layers.writable_size(container->id);
    try {
      remove(container->id, {});
    } catch (const base::Error& error) {
      base::log_warn("prune container {}: {}", container->id, error.what());
      continue;
    }
    if (!response.containers_deleted) response.containers_deleted.emplace();
    response.containers_deleted->push_back(container->id);
    response.space_reclaimed += size;
  }
  state_->services.events.publish(
      {"container", "prune", "", {{"reclaimed", std::to_string(response.space_reclaimed)}}, {}});
  return response;
}

}  // namespace wharf::container
