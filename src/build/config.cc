// Instructions that change nothing but the image's config.
#include "base/error.h"
#include "base/strings.h"
#include "build/stage.h"
#include "container/signals.h"
#include "image/changes.h"

namespace wharf::build {
namespace {

using base::fail;
using base::Kind;
using Words = std::vector<std::string>;

/// Go's %q of a list.
std::string quoted_list(const Words& words) {
  Words quoted;
  for (const std::string& word : words) quoted.push_back(base::quoted(word));
  return "[" + base::join(quoted, " ") + "]";
}

/// Go's %v of a list.
std::string plain_list(const Words& words) {
  return "[" + base::join(words, " ") + "]";
}

void set_env(oci::RunConfig& config, const std::string& name, const std::string& value) {
  if (!config.env) config.env.emplace();
  for (std::string& one : *config.env) {
    if (!one.starts_with(name + "=") && one != name) continue;
    one = name + "=" + value;
    return;
  }
  config.env->push_back(name + "=" + value);
}

/// Go's text of a duration: "1m30s", "500ms".
std::string duration_text(std::int64_t ns) {
  if (ns == 0) return "0s";
  constexpr std::int64_t kSecond = 1'000'000'000;
  if (ns < kSecond) return fmt::format("{:g}ms", static_cast<double>(ns) / 1e6);
  std::string text;
  if (ns >= 3600 * kSecond) text += fmt::format("{}h", ns / (3600 * kSecond));
  if (ns >= 60 * kSecond) text += fmt::format("{}m", ns / (60 * kSecond) % 60);
  return text + fmt::format("{:g}s", static_cast<double>(ns % (60 * kSecond)) / 1e9);
}

/// Go's %q of a number.
std::string quoted_rune(std::int64_t number) {
  static constexpr std::string_view kNamed = "abtnvfr";
  if (number >= 7 && number <= 13)
    return fmt::format("'\\{}'", kNamed[static_cast<std::size_t>(number - 7)]);
  if (number == '\'' || number == '\\') return fmt::format("'\\{}'", static_cast<char>(number));
  if (number >= 0x20 && number < 0x7f) return fmt::format("'{}'", static_cast<char>(number));
  if (number < 0x80) return fmt::format("'\\x{:02x}'", number);
  return fmt::format("'\\u{:04x}'", number);
}

}  // namespace

void StageRun::act(const dockerfile::Arg& arg) {
  std::string shown;
  for (const auto& [given, otherwise] : arg.arguments) {
    const std::string name = expand(given);
    std::optional<std::string> value;
    if (otherwise) value = expand(*otherwise);
    shown += " " + name;
    if (value) shown += "=" + *value;
    arguments_.declare(name, value);
  }
  keep_config(nop("ARG" + shown));
}

void StageRun::act(const dockerfile::Env& env) {
  // All values are those from before the instruction.
  dockerfile::Pairs pairs;
  for (const auto& [name, value] : env.pairs) pairs.emplace_back(expand(name), expand(value));
  std::string shown;
  for (const auto& [name, value] : pairs) {
    set_env(state_.config.config, name, value);
    shown += " " + name + "=" + value;
  }
  keep_config(nop("ENV" + shown));
}

void StageRun::act(const dockerfile::Label& label) {
  auto& labels = state_.config.config.labels;
  if (!labels) labels.emplace();
  std::string shown;
  dockerfile::Pairs pairs;
  for (const auto& [name, value] : label.pairs) {
    pairs.emplace_back(label.expanded ? name : expand(name),
                       label.expanded ? value : expand(value));
  }
  for (const auto& [name, value] : pairs) {
    (*labels)[name] = value;
    shown += " " + name + "=" + value;
  }
  keep_config(nop("LABEL" + shown));
}

void StageRun::act(const dockerfile::Maintainer& maintainer) {
  state_.config.author = maintainer.name;
  keep_config(nop("MAINTAINER " + maintainer.name));
}

void StageRun::act(const dockerfile::Cmd& cmd) {
  const Words words = command_words(cmd.command);
  state_.config.config.cmd = words;
  state_.config.config.args_escaped = cmd.command.shell && work_.request.graph;
  state_.cmd_set = !cmd.command.words.empty();
  keep_config(nop("CMD " + quoted_list(words)));
}

void StageRun::act(const dockerfile::Entrypoint& entrypoint) {
  const Words words = command_words(entrypoint.command);
  state_.config.config.entrypoint = words;
  // An inherited Cmd was made for the inherited entrypoint.
  if (!state_.cmd_set) state_.config.config.cmd.reset();
  keep_config(nop("ENTRYPOINT " + quoted_list(words)));
}

void StageRun::act(const dockerfile::Expose& expose) {
  Words ports;
  for (const std::string& port : expose.ports) {
    for (std::string& word : expand_words(port)) ports.push_back(std::move(word));
  }
  if (ports.empty()) fail(Kind::InvalidArgument, "EXPOSE requires at least one argument");
  oci::RunConfig alone;
  image::apply_changes(alone, {"EXPOSE " + base::join(ports, " ")});
  auto& exposed = state_.config.config.exposed_ports;
  if (!exposed) exposed.emplace();
  Words shown;
  for (const auto& [port, empty] : *alone.exposed_ports) {
    exposed->try_emplace(port);
    shown.push_back(port);
  }
  keep_config(nop("EXPOSE " + base::join(shown, " ")));
}

void StageRun::act(const dockerfile::Volume& volume) {
  auto& volumes = state_.config.config.volumes;
  if (!volumes) volumes.emplace();
  Words shown;
  for (const std::string& path : volume.paths) {
    const std::string expanded = expand(path);
    if (expanded.empty()) {
      fail(Kind::InvalidArgument, "VOLUME specified can not be an empty string");
    }
    (*volumes)[expanded] = {};
    shown.push_back(expanded);
  }
  keep_config(nop("VOLUME " + plain_list(shown)));
}

void StageRun::act(const dockerfile::User& user) {
  state_.config.config.user = expand(user.user);
  keep_config(nop("USER " + state_.config.config.user));
}

void StageRun::act(const dockerfile::OnBuild& on_build) {
  auto& triggers = state_.config.config.on_build;
  if (!triggers) triggers.emplace();
  triggers->push_back(on_build.expression);
  keep_config(nop("ONBUILD " + on_build.expression));
}

void StageRun::act(const dockerfile::StopSignal& signal) {
  const std::string name = expand(signal.signal);
  container::parse_signal(name);
  state_.config.config.stop_signal = name;
  keep_config(nop("STOPSIGNAL " + name));
}

void StageRun::act(const dockerfile::Shell& given) {
  // The history is told with the shell from before.
  const std::string created_by = nop("SHELL " + plain_list(given.words));
  state_.config.config.shell = given.words;
  keep_config(created_by);
}

void StageRun::act(const dockerfile::HealthCheck& check) {
  auto& before = state_.config.config.healthcheck;
  const bool overrides = before && before->test && !before->test->empty() &&
                         before->test->front() != "NONE" && check.test.front() != "NONE";
  if (overrides)
    work_.say("Note: overriding previous HEALTHCHECK: {}\n", plain_list(*before->test));
  oci::Healthcheck made;
  made.test = check.test;
  made.interval_ns = check.interval_ns;
  made.timeout_ns = check.timeout_ns;
  made.start_period_ns = check.start_period_ns;
  made.start_interval_ns = check.start_interval_ns;
  made.retries = check.retries;
  before = made;
  // Docker: the value as Go prints the structure.
  keep_config(nop(fmt::format("HEALTHCHECK &{{{} \"{}\" \"{}\" \"{}\" \"{}\" {}}}",
                              quoted_list(check.test), duration_text(made.interval_ns),
                              duration_text(made.timeout_ns), duration_text(made.start_period_ns),
                              duration_text(made.start_interval_ns), quoted_rune(made.retries))));
}

}  // namespace wharf::build
