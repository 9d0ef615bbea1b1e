#include <atomic>
#include <thread>

#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "os/fd.h"

namespace wharf::cli {

Invocation::Invocation(const Command& command, std::string called_as, const GlobalOptions& globals,
                       std::vector<std::string> words)
    : command_(command),
      called_as_(std::move(called_as)),
      globals_(globals),
      words_(std::move(words)) {}

std::string Invocation::usage_line(const FlagSet& flags) const {
  std::string usage(command_.usage);
  if (usage.empty() && flags.has_visible()) usage = "[OPTIONS]";
  return fmt::format("Usage:  docker {}{}{}", called_as_, usage.empty() ? "" : " ", usage);
}

void Invocation::parse(FlagSet& flags, Arguments count) {
  try {
    arguments_ = flags.parse(words_);
  } catch (const UsageError& wrong) {
    throw Exit(125, fmt::format("{}\n\n{}\n\nRun 'docker {} --help' for more information",
                                wrong.what(), usage_line(flags), called_as_));
  }
  if (flags.help_asked()) {
    std::string text = usage_line(flags) + "\n\n" + std::string(command_.summary) + "\n";
    if (!command_.aliases.empty()) {
      std::string all = "docker " + std::string(command_.path);
      for (const std::string& each : base::split(command_.aliases, ',')) {
        all += ", docker " + std::string(base::trim(each));
      }
      text += "\nAliases:\n  " + all + "\n";
    }
    if (flags.has_visible()) text += "\nOptions:\n" + flags.help(terminal_columns() - 1);
    out(text);
    throw Exit(0);
  }
  check_count(flags, count);
}

void Invocation::check_count(const FlagSet& flags, Arguments count) const {
  const std::size_t given = arguments_.size();
  if (given >= count.least && given <= count.most) return;
  const auto plural = [](std::size_t n) { return n == 1 ? "" : "s"; };
  std::string wants;
  std::string verb = "Run";
  if (count.most == 0) {
    wants = "accepts no arguments";
  } else if (count.least == count.most) {
    wants = fmt::format("requires {} argument{}", count.least, plural(count.least));
  } else if (count.most == static_cast<std::size_t>(-1)) {
    wants = fmt::format("requires at least {} argument{}", count.least, plural(count.least));
    verb = "See";
  } else if (count.least == 0) {
    wants = fmt::format("requires at most {} argument{}", count.most, plural(count.most));
  } else {
    wants = fmt::format("requires at least {} and at most {} argument{}", count.least, count.most,
                        plural(count.most));
  }
  throw Exit(
      1,
      fmt::format("docker: 'docker {0}' {1}\n\n{2}\n\n{3} 'docker {0} --help' for more information",
                  called_as_, wants, usage_line(flags), verb));
}

const Config& Invocation::config() {
  if (!config_) config_ = std::make_unique<Config>(Config::load(config_directory(globals_)));
  return *config_;
}

const Target& Invocation::target() {
  if (target_) return *target_;
  if (!globals_.hosts.empty() && !globals_.context.empty()) {
    throw Exit(1, "conflicting options: cannot specify both --host and --context");
  }
  try {
    target_ = std::make_unique<Target>(resolve_target(globals_, config()));
  } catch (const base::Error& failed) {
    throw Exit(1, fmt::format("Failed to initialize: {}", failed.what()));
  }
  return *target_;
}

Daemon& Invocation::daemon() {
  if (!daemon_) daemon_ = std::make_unique<Daemon>(target());
  return *daemon_;
}

void Invocation::out(std::string_view text) const {
  write_out(text);
}
void Invocation::error(std::string_view text) const {
  write_error(text);
}

namespace {

constexpr std::size_t kAtOnce = 50;

struct Outcome {
  std::string line;
  std::exception_ptr failure;
};

Outcome attempt(const std::function<std::string(const std::string&)>& action,
                const std::string& name) {
  try {
    return {action(name), nullptr};
  } catch (...) {
    return {{}, std::current_exception()};
  }
}

std::vector<Outcome> attempt_all(const std::vector<std::string>& names,
                                 const std::function<std::string(const std::string&)>& action) {
  std::vector<Outcome> outcomes(names.size());
  std::atomic<std::size_t> next = 0;
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < std::min(names.size(), kAtOnce); ++i) {
    threads.emplace_back([&] {
      for (std::size_t at = next++; at < names.size(); at = next++)
        outcomes[at] = attempt(action, names[at]);
    });
  }
  threads.clear();
  return outcomes;
}

}  // namespace

int for_each_name(Invocation& call, Pace pace,
                  const std::function<std::string(const std::string& name)>& action) {
  const std::vector<std::string>& names = call.arguments();
  std::vector<Outcome> outcomes;
  if (pace == Pace::AllAtOnce && names.size() > 1) {
    call.daemon().api_version();  // Settled before threads read it.
    outcomes = attempt_all(names, action);
  }
  std::string failures;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Outcome outcome = outcomes.empty() ? attempt(action, names[i]) : outcomes[i];
    if (!outcome.line.empty()) call.out(outcome.line + "\n");
    if (!outcome.failure) continue;
    try {
      std::rethrow_exception(outcome.failure);
    } catch (const DaemonError& failed) {
      failures += (failures.empty() ? "" : "\n") + std::string(failed.what());
    }
  }
  if (!failures.empty()) throw Exit(1, failures);
  return 0;
}

}  // namespace wharf::cli
