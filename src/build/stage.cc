#include "build/stage.h"

#include <algorithm>

#include "base/error.h"
#include "base/ids.h"
#include "base/strings.h"
#include "dockerfile/expand.h"

namespace wharf::build {
namespace {

using base::fail;
using base::Kind;

constexpr const char* kDefaultPath =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

}  // namespace

State StageRun::run() {
  begin();
  triggers();
  work_.say(" ---> {}\n", base::short_id(state_.id.text()));
  for (const dockerfile::Instruction& one : stage_.instructions) {
    work_.check_stop();
    work_.say_step(one.code);
    told(one);
    work_.say(" ---> {}\n", base::short_id(state_.id.text()));
  }
  if (!state_.id.empty() && !work_.request.graph) work_.report.image(state_.id);
  const std::lock_guard guard(work_.lock);
  for (const layer::Pin& pin : state_.pins) work_.pins.push_back(pin);
  work_.used_arguments.merge(arguments_.take_used());
  return state_;
}

void StageRun::begin() {
  work_.say_step(stage_.code);
  dockerfile::Expander expander;
  expander.escape = work_.file.directives.escape;
  expander.variables = [&](std::string_view name) { return arguments_.get_global(name); };
  const std::string name = expander.word(stage_.base);
  std::optional<oci::Platform> platform = work_.request.platform;
  if (!stage_.platform.empty()) platform = oci::parse_platform(expander.word(stage_.platform));
  if (name.empty()) {
    fail(Kind::InvalidArgument, "base name ({}) should not be blank", stage_.base);
  }
  const auto earlier = dockerfile::find_stage(
      {work_.file.stages.begin(), work_.file.stages.begin() + static_cast<std::ptrdiff_t>(index_)},
      name);
  const bool by_name = earlier && work_.file.stages[*earlier].name == base::lower(name);
  if (by_name) {
    state_ = work_.stages[*earlier].get();
    state_.cmd_set = false;
  } else if (name == "scratch") {
    state_ = empty_state(platform.value_or(oci::host_platform()));
  } else {
    state_ = state_of(work_.services.images, work_.image(name, platform));
  }
  if (work_.request.graph) {
    tell_begin(name, "FROM " + name);
    tell_end(false, "");
  }
  if (!value_in(state_.env(), "PATH")) {
    auto& env = state_.config.config.env;
    if (!env) env.emplace();
    env->emplace_back(kDefaultPath);
  }
}

void StageRun::triggers() {
  const std::vector<std::string> found = std::exchange(state_.config.config.on_build, std::nullopt)
                                             .value_or(std::vector<std::string>{});
  if (found.empty()) return;
  work_.say("# Executing {} build trigger{}\n", found.size(), found.size() == 1 ? "" : "s");
  for (const std::string& text : found) {
    work_.check_stop();
    const dockerfile::Line line = dockerfile::read_line(text, work_.file.directives.escape);
    const std::string name = base::lower(line.name);
    if (name == "onbuild") {
      fail(Kind::InvalidArgument, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    }
    if (name == "from" || name == "maintainer") {
      fail(Kind::InvalidArgument, "{} isn't allowed as an ONBUILD trigger",
           name == "from" ? "FROM" : "MAINTAINER");
    }
    told(dockerfile::parse_instruction(line, work_.file.directives.escape));
  }
}

void StageRun::told(const dockerfile::Instruction& instruction) {
  current_ = &instruction;
  std::visit([this](const auto& action) { act(action); }, instruction.action);
}

std::optional<std::string> StageRun::variable(std::string_view name) const {
  if (std::optional<std::string> value = value_in(state_.env(), name)) return value;
  return arguments_.get(name);
}

std::string StageRun::expand(std::string_view text) const {
  dockerfile::Expander expander;
  expander.escape = work_.file.directives.escape;
  expander.variables = [this](std::string_view name) { return variable(name); };
  return expander.word(text);
}

std::vector<std::string> StageRun::expand_words(std::string_view text) const {
  dockerfile::Expander expander;
  expander.escape = work_.file.directives.escape;
  expander.variables = [this](std::string_view name) { return variable(name); };
  return expander.words(text);
}

std::vector<std::string> StageRun::shell() const {
  const oci::Strings& given = state_.config.config.shell;
  if (given && !given->empty()) return *given;
  return {"/bin/sh", "-c"};
}

std::vector<std::string> StageRun::command_words(const dockerfile::CommandLine& command) const {
  if (!command.shell) return command.words;
  std::vector<std::string> words = shell();
  words.insert(words.end(), command.words.begin(), command.words.end());
  return words;
}

std::string StageRun::nop(const std::string& comment, bool spaced) const {
  if (work_.request.graph) return comment;
  return fmt::format("{} #(nop) {}{}", base::join(shell(), " "), spaced ? " " : "", comment);
}

std::string StageRun::key_of(std::string_view kind,
                             std::initializer_list<std::string_view> parts) const {
  // Each part with its length, so that no two lists of parts read alike.
  base::Sha256 hash;
  const auto add = [&](std::string_view part) {
    hash.update(fmt::format("{}:", part.size()));
    hash.update(part);
  };
  add(work_.request.graph ? "graph" : "classic");
  add(kind);
  for (const std::string_view part : parts) add(part);
  return std::string(hash.finish().hex());
}

std::size_t StageRun::shown_steps() const {
  return 1 + static_cast<std::size_t>(
                 std::ranges::count_if(stage_.instructions, [](const dockerfile::Instruction& one) {
                   return std::holds_alternative<dockerfile::Run>(one.action) ||
                          std::holds_alternative<dockerfile::Copy>(one.action) ||
                          std::holds_alternative<dockerfile::Add>(one.action) ||
                          std::holds_alternative<dockerfile::Workdir>(one.action);
                 }));
}

void StageRun::tell_begin(const std::string& key, const std::string& code) {
  const std::string stage = stage_.name.empty() ? fmt::format("stage-{}", index_) : stage_.name;
  vertex_ = {};
  vertex_.digest = base::Sha256::of(fmt::format("{}\n{}\n{}", key, index_, shown_)).text();
  vertex_.name = fmt::format("[{} {}/{}] {}", stage, shown_++, shown_steps(), code);
  vertex_.started = base::now();
  work_.report.vertex(vertex_);
}

void StageRun::tell_end(bool cached, const std::string& error) {
  vertex_.cached = cached;
  vertex_.completed = base::now();
  vertex_.error = error;
  work_.report.vertex(vertex_);
}

Result StageRun::obtain(const Step& step, const std::function<Result()>& make, bool& cached) {
  const Cache::Turn turn = work_.cache.take_turn(step.key, work_.stop);
  if (!work_.request.no_cache) {
    if (std::optional<Result> found = work_.cache.find(step.key)) {
      work_.say(" ---> Using cache\n");
      cached = true;
      return *found;
    }
  }
  Result result = make();
  result.created = base::rfc3339_nano(base::now());
  Cache::Made made{step.key, current_->code, result};
  work_.cache.remember(made);
  const std::lock_guard guard(work_.lock);
  work_.made.push_back(std::move(made));
  return result;
}

void StageRun::keep(const Step& step, const std::function<Result()>& make) {
  const bool told = work_.request.graph && step.shown;
  if (told) tell_begin(step.key, current_->code);
  bool cached = false;
  Result result;
  try {
    result = obtain(step, make, cached);
  } catch (const base::Error& error) {
    if (told) tell_end(false, error.what());
    throw;
  }
  if (told) tell_end(cached, "");
  if (result.layer) add_layer(state_, *result.layer, result.tar_bytes);
  add_history(state_, {.created = result.created,
                       .created_by = step.created_by,
                       .author = state_.config.author,
                       .comment = work_.request.graph ? "buildkit.dockerfile.v0" : "",
                       .empty_layer = !result.layer});
  const std::lock_guard guard(work_.lock);
  work_.keys.push_back(step.key);
}

void StageRun::keep_config(const std::string& created_by) {
  const std::string config = base::to_text(oci::to_json(state_.config.config));
  keep({key_of("config", {state_.id.text(), created_by, config}), created_by, false}, [&] {
    // Docker: its first builder makes a container for every instruction and says so; here one is
    // made where a command runs.
    const std::string id = base::random_id().substr(0, 12);
    work_.say(" ---> Running in {}\n", id);
    if (work_.request.remove) work_.say(" ---> Removed intermediate container {}\n", id);
    return Result{};
  });
}

}  // namespace wharf::build
