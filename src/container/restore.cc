// After a start of the daemon: what exists is read, what runs is taken over, what ended
// meanwhile is told, and what a crash left over is swept.
#include <fcntl.h>

#include <set>

#include "base/error.h"
#include "base/log.h"
#include "container/health.h"
#include "container/spec.h"
#include "container/state.h"
#include "os/file.h"

namespace wharf::container {

namespace {

struct Row {
  std::string id;
  std::string name;
  std::string text;
};

std::vector<Row> read_rows(const store::Database& database) {
  std::vector<Row> rows;
  database.read([&](store::Reader& reader) {
    store::Rows found = reader.query("SELECT id, name, record FROM containers ORDER BY created");
    while (found.next()) rows.push_back({found.text(0), found.text(1), found.text(2)});
  });
  return rows;
}

StateFile read_state(const os::Path& directory) {
  try {
    const auto text = os::read_file_if_exists(directory / "state.json");
    if (text) return state_from_json(base::parse_json(*text));
  } catch (const std::exception& error) {
    // It holds nothing that the kernel and exit.json do not know better.
    base::log_warn("{}: {}", (directory / "state.json").string(), error.what());
  }
  return {};
}

std::optional<supervise::Exit> read_exit(const os::Path& directory) {
  try {
    return supervise::read_exit_record(os::open_file(directory, O_RDONLY | O_DIRECTORY));
  } catch (const base::Error& error) {
    base::log_warn("exit record of {}: {}", directory.string(), error.what());
    return std::nullopt;
  }
}

/// What the files say of a container that does not run.
State state_at_rest(const StateFile& file, const std::optional<supervise::Exit>& exit) {
  Ended last;
  last.exit_code = file.exit_code;
  last.error = file.error;
  if (exit) {
    last = {exit->code, file.error, exit->oom_killed, exit->started_at, exit->finished_at};
    if (!file.error.empty()) last.exit_code = file.exit_code;
    return Exited{last};
  }
  last.started_at = file.started_at;
  if (!file.ever_started && file.sandbox.is_null()) return Created{last};
  return Exited{last};
}

/// Directories of containers that are not in the database: an interrupted create or remove.
void sweep_directories(const os::Path& parent, const std::set<std::string>& known) {
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(parent, failed)) {
    if (known.contains(entry.path().filename())) continue;
    try {
      os::remove_tree(entry.path());
    } catch (const base::Error& error) {
      base::log_warn("sweep {}: {}", entry.path().string(), error.what());
    }
  }
}

}  // namespace

void Containers::State::adopt(const ContainerPointer& container, const StateFile& file) {
  auto run = std::make_shared<Run>();
  run->number = container->next_run();
  // Its events are jobs, and they wait for this Turn.
  const Container::Turn turn = container->take_turn();
  auto task = services.supervisors.reconnect(run_directory(container->id),
                                             cgroup_path(container->record(), settings),
                                             events_of(container, run->number));
  if (!task) {
    const auto exit = read_exit(directory(container->id));
    container->set_state(state_at_rest(file, exit));
    return;
  }
  run->task = std::move(*task);
  run->started_at = run->task.started_at();
  const std::string proc = fmt::format("/proc/{}", run->task.pid());
  try {
    run->rootfs = os::open_file(proc + "/root", O_PATH | O_DIRECTORY);
    if (!file.sandbox.is_null()) {
      run->sandbox =
          services.networks.restore(file.sandbox, os::open_file(proc + "/ns/net", O_RDONLY));
    }
  } catch (const base::Error& error) {
    // It may be ending this moment; what is left of its network is swept with the rest.
    base::log_warn("take over container {}: {}", container->id, error.what());
  }
  {
    const std::lock_guard lock(run->endpoints_mutex);
    run->endpoints = run->sandbox.endpoints();
    run->ports = run->sandbox.ports();
    run->sandbox_id = run->sandbox.id();
  }
  container->change_record([&](Record& record) {
    for (const network::EndpointInfo& info : run->endpoints) {
      const auto endpoint = record.endpoints.find(info.network_name);
      if (endpoint != record.endpoints.end()) endpoint->second.network_id = info.network_id;
    }
  });
  const bool paused = run->task.paused();
  container->set_state(paused ? container::State{Paused{run}} : container::State{Running{run}});
  start_health(*this, container);
}

void Containers::State::restore_one(const std::string& id, const std::string& name,
                                    const std::string& text) {
  ContainerPointer container;
  try {
    Record record = record_from_json(base::parse_json(text));
    if (record.id != id)
      base::fail(base::Kind::InvalidArgument, "the record is of another container");
    record.name = name;
    container = std::make_shared<Container>(std::move(record), Created{});
  } catch (const std::exception& error) {
    base::log_error("container {} has a broken record and can only be removed: {}", id,
                    error.what());
    Record record;
    record.id = id;
    record.name = name;
    record.platform = "linux";
    Ended last;
    last.exit_code = 255;
    last.error = fmt::format("the container's record is broken: {}", error.what());
    insert(std::make_shared<Container>(std::move(record), Dead{last}));
    return;
  }
  insert(container);
  for (const MountSpec& mount : container->record().mounts) {
    if (mount.type != MountSpec::Type::Volume) continue;
    try {
      container->volume_claims.push_back(services.volumes.attach(mount.name, id));
    } catch (const base::Error& error) {
      base::log_warn("container {}: volume {}: {}", id, mount.name, error.what());
    }
  }
  const StateFile file = read_state(directory(id));
  container->set_manually_stopped(file.manually_stopped);
  container->set_restart_count(file.restart_count);
  try {
    adopt(container, file);
  } catch (const base::Error& error) {
    base::log_error("take over container {}: {}", id, error.what());
    Ended last;
    last.exit_code = 255;
    last.error = error.what();
    container->set_state(Exited{last});
  }
  try {
    ship_log(container->record(), container->view().run() ? Shipping::Running : Shipping::Ended);
  } catch (const base::Error& error) {
    base::log_error("container {}: {}", id, error.what());
  }
}

void Containers::restore() {
  os::make_directories(state_->settings.data_root / "containers", 0710);
  os::make_directories(state_->settings.exec_root / "c", 0700);
  std::set<std::string> known;
  for (const Row& row : read_rows(state_->services.database)) {
    known.insert(row.id);
    state_->restore_one(row.id, row.name, row.text);
  }
  const bool database_is_whole = !state_->services.database.set_aside();
  if (database_is_whole) {
    sweep_directories(state_->settings.data_root / "containers", known);
    state_->services.layers.sweep_writable(known);
  }

  for (const ContainerPointer& container : state_->all()) {
    const View view = container->view();
    if (container->shared_record()->build_step) {
      // Whoever made it is gone with the daemon before this one.
      state_->jobs.run([this, container] {
        try {
          remove(container->id, {.force = true, .volumes = true});
        } catch (const base::Error& error) {
          base::log_warn("step of a build {}: {}", container->id, error.what());
        }
      });
      continue;
    }
    if (!std::holds_alternative<Exited>(view.state)) continue;
    const Record record = container->record();
    const std::string& policy = record.host.restart_policy.name;
    if (record.host.auto_remove) {
      state_->jobs.run([state = state_.get(), container] {
        const Container::Turn turn = container->take_turn();
        if (container->begin_removing()) state->remove_turned(container, true);
      });
      continue;
    }
    // Docker: "always" comes back even after it was stopped by hand, "unless-stopped" does not.
    const bool failed = view.last().exit_code != 0;
    const bool again = policy == "always" ||
                       (policy == "unless-stopped" && !view.manually_stopped) ||
                       (policy == "on-failure" && failed && !view.manually_stopped);
    if (!again) continue;
    container->set_state(Restarting{view.last()});
    state_->restart_later(container, 0);
  }
}

}  // namespace wharf::container
