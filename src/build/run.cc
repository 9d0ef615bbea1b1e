// RUN: a container of this engine, made of the stage as it is; what it changed is the layer.
#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/strings.h"
#include "build/output.h"
#include "build/stage.h"
#include "build/step_mounts.h"
#include "build/writable.h"
#include "container/containers.h"

namespace wharf::build {
namespace {

using base::fail;
using base::Kind;
using Words = std::vector<std::string>;

}  // namespace

/// The container of one step. Removed at the end, unless it is to be kept.
class StageRun::StepContainer {
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

namespace {

/// What the container is made of: the stage's files, and of its config only what a command needs.
image::Image step_image(const State& state, bool graph) {
  image::Image image = image_of(state);
  oci::RunConfig bare;
  // Docker: its first builder loses what is written below a VOLUME, BuildKit does not.
  if (!graph) bare.volumes = image.config.config.volumes;
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

namespace {

/// The command of a RUN with heredocs, as BuildKit makes it.
struct Script {
  Words command;
  std::string path;     ///< Where a file of its own is executed.
  std::string content;  ///< Of that file.
};

Script script_of(const dockerfile::CommandLine& line, const Words& shell) {
  Script script;
  if (!line.shell || line.files.empty()) {
    script.command = line.words;
    if (line.shell) script.command.insert(script.command.begin(), shell.begin(), shell.end());
    return script;
  }
  const std::string& text = line.words.front();
  dockerfile::Heredoc alone;
  const bool whole = line.files.size() == 1 && dockerfile::parse_heredoc(text, alone);
  const dockerfile::Heredoc& first = line.files.front();
  if (whole && first.content.starts_with("#!")) {
    script.path = "/dev/pipes/" + first.name;
    script.content = dockerfile::content_of(first);
    script.command = {script.path};
    return script;
  }
  script.command = shell;
  if (whole) {
    script.command.push_back(dockerfile::content_of(first));
    return script;
  }
  std::string full = text;
  for (const dockerfile::Heredoc& file : line.files) full += "\n" + file.content + file.name;
  script.command.push_back(full);
  return script;
}

}  // namespace

void StageRun::act(const dockerfile::Run& run) {
  if (!work_.request.graph && !run.used_flags.empty()) {
    fail(Kind::InvalidArgument,
         "the --{} option requires BuildKit. Refer to https://docs.docker.com/go/buildkit/ to "
         "learn how to build images with BuildKit enabled",
         *std::min_element(run.used_flags.begin(), run.used_flags.end()));
  }
  Script script;
  script.command = command_words(run.command);
  if (work_.request.graph) script = script_of(run.command, shell());
  if (script.command.empty()) fail(Kind::InvalidArgument, "RUN requires at least one argument");
  StepMounts mounts(work_, state_.config.config.working_dir,
                    [this](const std::string& from) { return layers_from(from); });
  std::string inputs = add_mounts(run, mounts);
  if (!script.path.empty()) {
    mounts.add_script(script.path, script.content);
    inputs += "\n" + script.content;
  }
  const Words remembered = arguments_.remembered(state_.env());
  std::string shown = base::join(script.command, " ");
  if (!remembered.empty()) {
    shown = fmt::format("|{} {} {}", remembered.size(), base::join(remembered, " "), shown);
  }
  if (work_.request.graph) shown = "RUN " + shown + " # buildkit";
  const std::string key =
      key_of("run", {below_run(), base::join(script.command, "\x01"), base::join(remembered, "\n"),
                     shown, inputs, network_of(run)});
  keep({key, shown}, [&] { return execute(script.command, run, mounts); });
}

/// What a command can see of the stage: in the graph labels and the like change nothing.
std::string StageRun::below_run() const {
  if (!work_.request.graph) return state_.id.text();
  std::string below;
  for (const base::Digest& id : state_.diff_ids) below += id.text();
  const oci::RunConfig& config = state_.config.config;
  return below + "\n" + base::join(state_.env(), "\n") + "\n" + config.user + "\n" +
         config.working_dir;
}

std::string StageRun::network_of(const dockerfile::Run& run) const {
  const std::string network = expand(run.network);
  if (network.empty() || network == "default") return work_.request.network_mode;
  if (network == "none") return network;
  if (network == "host") {
    fail(Kind::Forbidden,
         "granting entitlement network.host is not allowed by build daemon configuration");
  }
  fail(Kind::InvalidArgument, "invalid network mode {}", base::quoted(network));
}

/// Adds what --mount asks for; what of it the key of the step must know.
std::string StageRun::add_mounts(const dockerfile::Run& run, StepMounts& mounts) {
  std::string inputs;
  for (const std::string& text : run.mounts) {
    const RunMount mount = parse_mount(expand(text));
    mounts.add(mount);
    inputs += "\n" + expand(text);
    if (mount.type != RunMount::Type::Bind) continue;
    // What the command reads there is an input as the root is.
    if (!mount.from.empty()) {
      for (const base::Digest& id : layers_from(mount.from)) inputs += "\n" + id.text();
      continue;
    }
    const Tree tree(work_.context.root(), work_.context.ignored());
    inputs += "\n" + tree.digest(checked_source("/" + mount.source), {}).text();
  }
  const std::string security = expand(run.security);
  if (security == "insecure") {
    fail(Kind::Forbidden,
         "granting entitlement security.insecure is not allowed by build daemon configuration");
  }
  if (!security.empty() && security != "sandbox") {
    fail(Kind::InvalidArgument, "security {} is not valid", base::quoted(security));
  }
  for (const std::string& device : run.devices) {
    if (device.find("required=false") != std::string::npos) continue;
    fail(Kind::NotImplemented, "device {}: devices of builds are not built in this engine yet",
         device);
  }
  return inputs;
}

Result StageRun::execute(const Words& command, const dockerfile::Run& run,
                         const StepMounts& mounts) {
  container::Containers& containers = work_.services.containers;
  const image::Image image = step_image(state_, work_.request.graph);
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
  request.host_config->network_mode = network_of(run);

  container::CreateOptions options{.build_image = &image};
  options.build_mounts = mounts.specs();
  StepContainer step(containers, containers.create(std::move(request), options).id);
  work_.say(" ---> Running in {}\n", base::short_id(step.id()));
  Output output(containers.attach(step.id(), {.stream = true, .out = true, .err = true}),
                [this](unsigned stream, std::string_view bytes) { heard(stream, bytes); });
  const auto end = containers.wait(step.id(), container::WaitCondition::NextExit);
  containers.start(step.id());
  const std::int64_t code = end->get(work_.stop).status_code;
  output.finish();
  if (code != 0) command_failed(command, code, step);
  Result result;
  containers.take_changes(step.id(), mounts.stubs(), [&](const os::Path& upper) {
    if (std::filesystem::is_empty(upper)) return;
    result = layer_of(work_.services.layers, upper);
  });
  step.remove();
  if (work_.request.remove) {
    work_.say(" ---> Removed intermediate container {}\n", base::short_id(step.id()));
  }
  return result;
}

void StageRun::heard(unsigned stream, std::string_view bytes) {
  if (work_.request.graph) return work_.report.log(vertex_.digest, stream, bytes);
  if (stream == 2)
    work_.report.say_error(bytes);
  else
    work_.report.say(bytes);
}

void StageRun::command_failed(const Words& command, std::int64_t code, StepContainer& step) {
  const std::string shown = base::join(command, " ");
  if (work_.request.graph) {
    throw CommandFailed(fmt::format("process {} did not complete successfully: exit code: {}",
                                    base::quoted(shown), code),
                        static_cast<int>(code));
  }
  // Docker: the container of a command that failed stays, so that one can look into it.
  if (!work_.request.force_remove) {
    work_.services.layers.commit(state_.pins);
    work_.services.containers.keep_step(step.id());
    step.keep();
  }
  throw CommandFailed(fmt::format("The command '{}' returned a non-zero code: {}", shown, code),
                      static_cast<int>(code));
}

}  // namespace wharf::build
