#include "runtime/command.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "runtime/launch.h"

namespace wharf::runtime {
namespace {

constexpr std::size_t kArenaBytes = 16 << 20;

struct Command {
  std::string_view name;
  int (*function)(Call&);
  /// Processes of the container are made: the binary must be out of their reach.
  bool makes_processes;
  std::string_view words;
};
constexpr Command kCommands[] = {
    {"create", create_command, true, "make a container that waits to be started"},
    {"start", start_command, false, "execute the program of a created container"},
    {"run", run_command_line, true, "create and start a container"},
    {"exec", exec_command, true, "execute a further process in a container"},
    {"state", state_command, false, "print a container's state"},
    {"kill", kill_command, false, "send a signal to a container"},
    {"delete", delete_command, false, "give back all that a container holds"},
    {"list", list_command, false, "list the containers"},
    {"ps", ps_command, false, "list the processes of a container"},
    {"pause", pause_command, false, "freeze a container"},
    {"resume", resume_command, false, "let a frozen container go on"},
    {"update", update_command, false, "change a container's limits"},
    {"features", features_command, false, "print what this runtime can do"},
    {"spec", spec_command, false, "write an example config.json"}};

void print(int fd, std::string_view text) {
  (void)!::write(fd, text.data(), text.size());
}

int print_usage(int fd, int status) {
  print(fd,
        "Usage: wharf-runtime [--root DIR] [--log FILE] [--log-format text|json] COMMAND …\n\n");
  for (const Command& command : kCommands) {
    base::Text<127> line("  ", command.name);
    while (line.size() < 12) line.put(' ');
    line.put(command.words, "\n");
    print(fd, line.view());
  }
  return status;
}

int print_version() {
  print(1, "wharf-runtime version 0.1.0\nspec: 1.2.0\n");
  return 0;
}

void log(const Global& global, std::string_view level, std::string_view words) {
  if (global.log.empty()) return;
  const int fd = ::open(global.log.data(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const base::Rfc3339 time{now.tv_sec * 1'000'000'000};
  base::Text<2047> line;
  if (global.log_json) {
    line.put("{\"level\":\"", level, "\",\"msg\":", base::Quoted{words}, ",\"time\":\"", time,
             "\"}\n");
  } else {
    line.put("time=\"", time, "\" level=", level, " msg=", base::Quoted{words}, "\n");
  }
  print(fd, line.view());
  ::close(fd);
}

void report(const Global& global, const base::Failure& failure) {
  const base::Text<1100> line("wharf-runtime: ", failure.text.view(), "\n");
  print(2, line.view());
  log(global, "error", failure.text.view());
}

/// "--name=value" gives its value, "--name value" the next word.
bool take_value(const Option& option, std::string_view word, std::span<char*>& rest,
                std::string_view& value) {
  const std::size_t equal = word.find('=');
  if (equal != word.npos) {
    value = word.substr(equal + 1);
    return true;
  }
  (void)option;
  if (rest.empty()) return false;
  value = rest[0];
  rest = rest.subspan(1);
  return true;
}

const Option* find_option(std::span<const Option> options, std::string_view word) {
  std::string_view name = base::split(word, '=');
  for (const Option& option : options) {
    if (name.starts_with("--") ? name.substr(2) == option.name
                               : !option.letter.empty() && name.substr(1) == option.letter) {
      return &option;
    }
    // Go's flag package takes one dash for long names too, and tools write them so.
    if (!name.starts_with("--") && name.substr(1) == option.name) return &option;
  }
  return nullptr;
}

bool keep_in_list(base::Arena& arena, std::span<char*>& list, std::string_view value) {
  const std::span<char*> longer = arena.array<char*>(list.size() + 2);
  if (longer.empty()) return false;
  for (std::size_t i = 0; i < list.size(); ++i) longer[i] = list[i];
  longer[list.size()] = const_cast<char*>(value.data());
  list = longer.first(list.size() + 1);
  return true;
}

}  // namespace

void warn(const Global& global, std::string_view words) {
  log(global, "warning", words);
  if (!global.log.empty()) return;
  const base::Text<1100> line("wharf-runtime: warning: ", words, "\n");
  print(2, line.view());
}

bool take_options(base::Arena& arena, std::span<char*>& arguments, std::span<const Option> options,
                  base::Failure& failure) {
  while (!arguments.empty()) {
    const std::string_view word = arguments[0];
    if (word.size() < 2 || word[0] != '-') return true;
    arguments = arguments.subspan(1);
    if (word == "--") return true;
    const Option* option = find_option(options, word);
    if (option == nullptr) return failure.because("unknown option ", word);
    if (option->flag != nullptr) {
      *option->flag = !word.ends_with("=false");
      continue;
    }
    std::string_view value;
    if (!take_value(*option, word, arguments, value)) {
      return failure.because("option ", word, " needs a value");
    }
    if (option->value != nullptr) *option->value = value;
    if (option->list != nullptr && !keep_in_list(arena, *option->list, value)) {
      return failure.because("too many options");
    }
  }
  return true;
}

int run_command(std::span<char*> arguments, char** environment) {
  base::Arena arena(kArenaBytes);
  base::Failure failure;
  Global global;
  global.environment = environment;
  std::string_view format = "text";
  std::string_view ignored;
  bool help = false;
  bool version = false;
  const Option options[] = {{"root", "", &global.root},
                            {"log", "", &global.log},
                            {"log-format", "", &format},
                            {"log-level", "", &ignored},
                            {"debug", "", nullptr, &global.debug},
                            {"systemd-cgroup", "", nullptr, &global.systemd_cgroup},
                            {"rootless", "", &ignored},
                            {"criu", "", &ignored},
                            {"help", "h", nullptr, &help},
                            {"version", "v", nullptr, &version}};
  std::span<char*> rest = arguments.subspan(1);
  bool fine = take_options(arena, rest, options, failure);
  global.log_json = format == "json";
  if (fine && version) return print_version();
  if (fine && help) return print_usage(1, 0);
  if (fine && rest.empty()) return print_usage(2, 1);
  const Command* command = nullptr;
  for (const Command& known : kCommands) {
    if (fine && known.name == rest[0]) command = &known;
  }
  if (fine && command == nullptr) fine = failure.because("unknown command ", rest[0]);
  if (fine && command->makes_processes) {
    fine = protect_binary(arguments.data(), environment, failure);
  }
  int status = 1;
  if (fine) {
    Call call{global, rest.subspan(1), arena, failure};
    status = command->function(call);
  }
  if (failure.failed()) report(global, failure);
  return status;
}

}  // namespace wharf::runtime
