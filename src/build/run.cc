// RUN: a container of this engine, made of the stage as it is; what it changed is the layer.
#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/strings.h"
#include "build/output.h"
#include "build/stage.h"
#include "build/writable.h"
#include "container/containers.h"

namespace wharf::build {
namespace {

using base::fail;
using base::Kind;
using Words = std::vector<std::string>;

/// The container of one step. Removed at the end, unless it is to be kept.
class StepContainer {
 public:
  StepContainer(container::Containers& containers, std::string id)
      : containers_(containers), id_(std::move(id)) {}
  ~StepContainer() {
    if (kept_) return;
    try {
      remove();
    } catch (const base::Error& error) {
      base::log_warn("remove step {}: {}", id_, error.what());
    }
  }
  StepContainer(const StepContainer&) = delete;

  const std::string& id() const { return id_; }
  void remove() {
    kept_ = true;
    containers_.remove(id_, {.force = true, .volumes = true});
  }
  void keep() { kept_ = true; }

 private:
  container::Containers& containers_;
  std::string id_;
  bool kept_ = false;
};

/// What the container is made of: the stage's files, and of its config only what a command needs.
image::Image step_image(const State& state) {
  image::Image image = image_of(state);
  oci::RunConfig bare;
  bare.volumes = image.config.config.volumes;
  image.config.config = std::move(bare);
  return image;
}

api::HostConfig host_config(const Request& request) {
  api::HostConfig host;
  static_cast<api::Resources&>(host) = request.limits;
  host.shm_size = request.shm_bytes;
  host.network_mode = request.network_mode;
  if (!request.extra_hosts.empty()) host.extra_hosts = request.extra_hosts;
  if (!request.security_options.empty()) host.security_opt = request.security_options;
  host.log_config.type = "none";
  return host;
}

}  // namespace

void StageRun::act(const dockerfile::Run& run) {
  if (!work_.request.graph && !run.used_flags.empty()) {
    fail(Kind::InvalidArgument,
         "the --{} option requires BuildKit. Refer to https://docs.docker.com/go/buildkit/ to "
         "learn how to build images with BuildKit enabled",
         *std::min_element(run.used_flags.begin(), run.used_flags.end()));
  }
  const Words command = command_words(run.command);
  if (command.empty()) fail(Kind::InvalidArgument, "RUN requires at least one argument");
  const Words remembered = arguments_.remembered(state_.env());
  std::string shown = base::join(command, " ");
  if (!remembered.empty()) {
    shown = fmt::format("|{} {} {}", remembered.size(), base::join(remembered, " "), shown);
  }
  std::string below = state_.id.text();
  std::string files;
  if (work_.request.graph) {
    // Only what the command can see: labels and the like change nothing.
    below.clear();
    for (const base::Digest& id : state_.diff_ids) below += id.text();
    const oci::RunConfig& config = state_.config.config;
    below += "\n" + base::join(state_.env(), "\n") + "\n" + config.user + "\n" + config.working_dir;
    shown = "RUN " + shown + " # buildkit";
    for (const dockerfile::Heredoc& file : run.command.files)
      files += file.name + "\n" + file.content;
    files += base::join(run.mounts, "\n") + "\n" + run.network + "\n" + run.security;
  }
  const std::string key =
      key_of("run", {below, base::join(command, "\x01"), base::join(remembered, "\n"), shown, files,
                     work_.request.network_mode});
  keep({key, shown}, [&] { return execute(command, run); });
}

Result StageRun::execute(const Words& command, const dockerfile::Run& run) {
  container::Containers& containers = work_.services.containers;
  const image::Image image = step_image(state_);
  api::CreateRequest request;
  request.image = base::short_id(state_.id.text());
  request.cmd = command;
  request.user = state_.config.config.user;
  request.working_dir = state_.config.config.working_dir;
  request.env = state_.env();
  for (std::string& one : arguments_.environment(state_.env())) {
    request.env->push_back(std::move(one));
  }
  request.attach_stdout = request.attach_stderr = true;
  request.host_config = host_config(work_.request);
  (void)run;

  StepContainer step(containers, containers.create(std::move(request), {.build_image = &image}).id);
  work_.say(" ---> Running in {}\n", base::short_id(step.id()));
  Output output(containers.attach(step.id(), {.stream = true, .out = true, .err = true}),
                work_.report);
  const auto end = containers.wait(step.id(), container::WaitCondition::NextExit);
  containers.start(step.id());
  const std::int64_t code = end->get(work_.stop).status_code;
  output.finish();
  if (code != 0) {
    if (!work_.request.graph && !work_.request.force_remove) keep_failed(step.id()), step.keep();
    const std::string shown = base::join(command, " ");
    throw CommandFailed(
        work_.request.graph
            ? fmt::format("process \"{}\" did not complete successfully: exit code: {}", shown,
                          code)
            : fmt::format("The command '{}' returned a non-zero code: {}", shown, code),
        static_cast<int>(code));
  }
  Result result;
  containers.take_changes(step.id(), {}, [&](const os::Path& upper) {
    if (std::filesystem::is_empty(upper)) return;
    result = layer_of(work_.services.layers, upper);
  });
  step.remove();
  if (work_.request.remove) {
    work_.say(" ---> Removed intermediate container {}\n", base::short_id(step.id()));
  }
  return result;
}

/// Docker: the container of a command that failed stays, so that one can look into it.
void StageRun::keep_failed(const std::string& id) {
  work_.services.layers.commit(state_.pins);
  work_.services.containers.keep_step(id);
}

}  // namespace wharf::build
