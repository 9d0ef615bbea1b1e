// POST /containers/{id}/start, and every other way a container comes to run.
//
// Steps that return owners: what fails half way is undone by unwinding.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "container/health.h"
#include "container/log_options.h"
#include "container/mount_sources.h"
#include "container/sharing.h"
#include "container/spec.h"
#include "container/state.h"
#include "container/user_space.h"
#include "os/file.h"
#include "os/mount.h"

namespace wharf::container {

namespace {

using base::Kind;

constexpr int kNotFound = 127;
constexpr int kNotExecutable = 126;
constexpr int kOtherFailure = 128;
constexpr std::uint32_t kTtyGroup = 5;

os::DetachedMount mount_rootfs(const Containers::State& state, const Record& record,
                               const os::IdSpace* ids) {
  layer::MountOptions options;
  options.discardable = record.host.auto_remove;
  options.ids = ids;
  return state.services.layers.mount(record.id, layers_of(record), options);
}

/// Docker: a missing directory of -v is made, as root and 0755.
void make_bind_sources(const Record& record) {
  for (const MountSpec& mount : record.mounts) {
    if (mount.type != MountSpec::Type::Bind || !mount.create_source) continue;
    struct stat there{};
    if (::stat(mount.source.c_str(), &there) == 0) continue;
    try {
      os::make_directories(mount.source, 0755);
    } catch (const base::Error& error) {
      base::fail(Kind::Internal, "error while creating mount source path '{}': {}", mount.source,
                 error.what());
    }
  }
}

os::Fd open_subpath(const os::Fd& root, const std::string& subpath) {
  try {
    return os::open_beneath(root, subpath, O_PATH);
  } catch (const base::Error& error) {
    const bool missing = error.error_number() == ENOENT || error.error_number() == ENOTDIR;
    throw base::Error(
        missing ? Kind::NotFound : error.kind(),
        fmt::format("failed to access subpath {}: {}", base::quoted(subpath), error.what()),
        error.error_number());
  }
}

/// Docker's words, as its driver mounts the device over the volume's own directory.
os::Fd open_device(const Containers::State& state, const MountSpec& mount) {
  const volume::Volume volume = state.services.volumes.inspect(mount.name);
  try {
    return state.services.volumes.open(mount.name);
  } catch (const base::Error& error) {
    const auto device = volume.options->find("device");
    const bool missing = error.error_number() == ENOENT;
    if (!missing || device == volume.options->end()) throw;
    base::fail(Kind::Internal,
               "error while mounting volume '{0}': failed to mount local volume: mount {1}:{0}, "
               "flags: 0x1000: no such file or directory",
               volume.mountpoint, device->second);
  }
}

/// Mounts whose source is known only now: devices and parts of volumes, and images. The descriptors
/// keep it open until the supervisor has copied the mount.
std::vector<os::Fd> open_late_sources(const Containers::State& state, Record& record,
                                      const os::IdSpace* ids) {
  std::vector<os::Fd> opened;
  const auto use = [&](MountSpec& mount, os::Fd source) {
    mount.source = descriptor_path(source);
    opened.push_back(std::move(source));
  };
  for (MountSpec& mount : record.mounts) {
    if (mount.type == MountSpec::Type::Image) {
      os::DetachedMount layers = state.services.layers.mount_image(layers_of(state, mount), ids);
      use(mount, mount.subpath.empty()
                     ? std::move(layers).release()
                     : os::DetachedMount::bind(open_subpath(layers.fd(), mount.subpath),
                                               os::Depth::TopOnly)
                           .release());
    } else if (mount.type == MountSpec::Type::Volume && !mount.subpath.empty()) {
      use(mount, open_subpath(state.services.volumes.open(mount.name), mount.subpath));
    } else if (has_device(state, mount)) {
      use(mount, open_device(state, mount));
    }
  }
  return opened;
}

std::string find_init(const Settings& settings, const api::HostConfig& host) {
  if (!host.init.value_or(settings.init)) return {};
  if (!settings.init_path.empty()) return settings.init_path;
  for (const char* path : {"/usr/libexec/docker/docker-init", "/usr/bin/docker-init",
                           "/usr/local/bin/docker-init", "/usr/bin/tini", "/usr/bin/tini-static"}) {
    if (::access(path, X_OK) == 0) return path;
  }
  base::fail(Kind::Internal, "exec: \"docker-init\": executable file not found in $PATH");
}

supervise::LaunchRequest launch_request(const Containers::State& state, Container& container,
                                        const Record& record) {
  supervise::LaunchRequest request;
  request.id = record.id;
  request.run_directory = state.run_directory(record.id);
  request.data_directory = os::open_file(state.directory(record.id), O_DIRECTORY | O_RDONLY);
  request.log = log_options(record);
  request.tty = record.config.tty;
  request.open_stdin = record.config.open_stdin;
  request.stdin_once = record.config.stdin_once;
  request.window = {static_cast<std::uint16_t>(record.host.console_size[0]),
                    static_cast<std::uint16_t>(record.host.console_size[1])};
  request.attachments = container.take_attachments();
  return request;
}

void write_files(const Containers::State& state, const Record& record, const Sharing& sharing,
                 const network::Sandbox& sandbox) {
  if (!sharing.files_directory.empty()) return;
  state.write_etc_files(record.id, record.config.hostname, sandbox.hosts_file(),
                        record.config.network_disabled ? "" : sandbox.resolv_conf());
}

void remember_endpoints(Run& run) {
  const std::lock_guard lock(run.endpoints_mutex);
  run.endpoints = run.sandbox.endpoints();
  run.ports = run.sandbox.ports();
  run.sandbox_id = run.sandbox.id();
}

/// What a failed start leaves in State.ExitCode; Docker tells it from the text.
int exit_code_of(const std::string& text) {
  const auto says = [&](std::string_view words) { return text.find(words) != std::string::npos; };
  if (says("exec: ") && (says("executable file not found") || says("no such file or directory"))) {
    return kNotFound;
  }
  if (says("exec: ") &&
      (says("permission denied") || says("is a directory") || says("exec format error"))) {
    return kNotExecutable;
  }
  return kOtherFailure;
}

/// The error as the API answers it: what the image or the user got wrong is a 400.
base::Error start_error(const base::Error& error) {
  if (!dynamic_cast<const supervise::StepError*>(&error)) return error;
  const std::string text = fmt::format(
      "failed to create task for container: OCI runtime create failed: {}", error.what());
  const Kind kind = exit_code_of(text) == kOtherFailure ? Kind::Internal : Kind::InvalidArgument;
  return base::Error(kind, text, error.error_number());
}

struct Starting {
  Record record;
  std::shared_ptr<Run> run;
  Sharing sharing;
  UserSpace user;
};

/// Hooks of CDI devices find the container's files by root.path of the config.json in its bundle.
void make_bundle(Containers::State& state, const Record& record, base::JsonObject& spec) {
  const os::Path bundle = state.directory(record.id) / "bundle";
  os::make_directories(bundle / "rootfs", 0700);
  spec.at("root").as_object()["path"] = (bundle / "rootfs").string();
  os::replace_file(bundle / "config.json", base::to_text(spec), 0600);
}

/// All that comes before the container is made: what it is given.
supervise::LaunchRequest prepare(Containers::State& state, Container& container,
                                 Starting& starting) {
  Record& record = starting.record;
  Run& run = *starting.run;
  Sharing& sharing = starting.sharing;
  UserSpace& user = starting.user;
  if (record.host.ipc_mode == "shareable") {
    run.shm = make_shared_memory(record.host, user.ids);
    sharing.namespaces.shm_source = descriptor_path(run.shm);
  }
  if (!sharing.hostname.empty()) record.config.hostname = sharing.hostname;
  os::DetachedMount rootfs = mount_rootfs(state, record, user.get());
  run.rootfs = rootfs.fd().duplicate();
  make_bind_sources(record);
  if (sharing.namespaces.network.empty())
    run.sandbox = join_networks(state, record, std::move(user.network));
  remember_endpoints(run);
  state.publish_network(record, run, "connect");
  write_files(state, record, sharing, run.sandbox);

  SpecInput input{record, state.settings, {}, {}, sharing.namespaces, false, {}, {}, user.path()};
  input.identity = find_identity(run.rootfs, record.config.user,
                                 record.host.group_add.value_or(std::vector<std::string>{}));
  input.security = parse_security_options(record.host, state.settings);
  if (user.ids) input.has_tty_group = os::outside_id(user.ids->maps.gids, kTtyGroup).has_value();
  input.own_network = run.sandbox.netns().valid();
  input.files_directory = sharing.files_directory.empty() ? state.directory(record.id).string()
                                                          : sharing.files_directory;
  input.init_program = find_init(state.settings, record.host);

  supervise::LaunchRequest request = launch_request(state, container, record);
  SeccompFilter filter = state.seccomp.filter(record.host, input.security);
  base::Json spec = build_spec(input);
  if (!filter.profile.is_null()) spec.at("linux").as_object()["seccomp"] = filter.profile;
  if (spec.as_object().contains("hooks")) make_bundle(state, record, spec.as_object());
  request.config_json = base::to_text(spec);
  request.rootfs = std::move(rootfs).release();
  if (input.own_network) request.network_namespace = run.sandbox.netns().duplicate();
  request.seccomp = std::move(filter.file);
  return request;
}

void start_steps(Containers::State& state, Container& container, Starting& starting) {
  const ContainerPointer self = state.find(container.id);
  starting.sharing = find_sharing(state, starting.record);
  starting.user = make_user_space(state.settings, starting.record, starting.sharing);
  starting.run->has_user_namespace = starting.user.ids.has_value();
  if (starting.user.ids) {
    for (MountSpec& mount : starting.record.mounts) mount.maps_ids = maps_ids(state, mount);
  }
  const std::vector<os::Fd> sources =
      open_late_sources(state, starting.record, starting.user.get());
  supervise::LaunchRequest request = prepare(state, container, starting);
  Run& run = *starting.run;
  state.ship_log(starting.record, Containers::State::Shipping::Starting);
  state.publish_volumes(starting.record, "mount");
  // Before it runs: a daemon that comes after a crash finds what the container holds.
  state.save_state(container, run.sandbox.record(), {});
  run.task =
      state.services.supervisors.launch(std::move(request), state.events_of(self, run.number));
  run.started_at = run.task.started_at();
  // Attachments that came since the message was made.
  for (auto& late : container.take_attachments()) run.task.attach(std::move(late));
}

}  // namespace

void Containers::State::start_turned(Container& container) {
  const View before = container.view();
  container.wait_for_roots_closed();
  Starting starting{container.record(), std::make_shared<Run>(), {}, {}};
  starting.run->number = container.next_run();
  try {
    start_steps(*this, container, starting);
  } catch (const base::Error& error) {
    const base::Error told = start_error(error);
    shipper.end(container.id);
    publish_network(starting.record, *starting.run, "disconnect");
    starting.run->sandbox = {};
    Ended last;
    last.exit_code = exit_code_of(told.what());
    last.error = told.what();
    if (std::holds_alternative<Created>(before.state)) {
      container.set_state(Created{last});
    } else {
      last.started_at = before.last().started_at;
      last.finished_at = base::now();
      container.set_state(Exited{last});
    }
    container.take_attachments();
    save_state(container, nullptr, last);
    throw told;
  }
  // Docker: which networks these were is shown after the end as well.
  container.change_record([&](Record& record) {
    for (const network::EndpointInfo& info : starting.run->endpoints) {
      const auto endpoint = record.endpoints.find(info.network_name);
      if (endpoint != record.endpoints.end()) endpoint->second.network_id = info.network_id;
    }
  });
  container.set_state(Running{starting.run});
  publish(starting.record, "start");
  start_health(*this, find(container.id));
}

void Containers::start(std::string_view name) {
  const ContainerPointer container = state_->find(name);
  const Container::Turn turn = container->take_turn();
  const View view = container->view();
  if (std::holds_alternative<Paused>(view.state)) {
    base::fail(Kind::Conflict, "cannot start a paused container, try unpause instead");
  }
  if (view.removing || std::holds_alternative<Dead>(view.state)) {
    base::fail(Kind::Conflict, "container is marked for removal and cannot be started");
  }
  if (view.running()) base::fail(Kind::NotModified, "container is already running");
  container->set_manually_stopped(false);
  container->set_restart_count(0);
  try {
    state_->start_turned(*container);
  } catch (const base::Error&) {
    if (container->record().host.auto_remove && container->begin_removing()) {
      try {
        state_->remove_turned(container, true);
      } catch (const base::Error& error) {
        base::log_error("remove container {}: {}", container->id, error.what());
        container->end_removing();
      }
    }
    throw;
  }
}

}  // namespace wharf::container
