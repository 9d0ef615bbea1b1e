// From the words of the command line to an exit status: global flags, the command's path,
// help for groups, and the texts and statuses of everything that is thrown.
#include "base/error.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "cli/version.h"

namespace wharf::cli {
namespace {

struct Group {
  std::string_view name;
  std::string_view summary;
};
constexpr Group kGroups[] = {
    {"container", "Manage containers"}, {"image", "Manage images"}, {"system", "Manage Docker"}};

void bind_global_flags(FlagSet& flags, GlobalOptions& o) {
  flags.text(o.config_directory,
             {"config", 0, "string", "Location of client config files", "\"~/.docker\""});
  flags.text(
      o.context,
      {"context", 'c', "string",
       "Name of the context to use to connect to the daemon (overrides DOCKER_HOST env var and "
       "default context set with \"docker context use\")"});
  flags.boolean(o.debug, {"debug", 'D', "", "Enable debug mode"});
  flags.list(o.hosts, {"host", 'H', "list", "Daemon socket to connect to"});
  flags.text(
      o.log_level,
      {"log-level", 'l', "string",
       "Set the logging level (\"debug\", \"info\", \"warn\", \"error\", \"fatal\")", "\"info\""});
  flags.boolean(o.tls, {"tls", 0, "", "Use TLS; implied by --tlsverify"});
  flags.text(o.tls_ca, {"tlscacert", 0, "string", "Trust certs signed only by this CA",
                        "\"~/.docker/ca.pem\""});
  flags.text(o.tls_certificate,
             {"tlscert", 0, "string", "Path to TLS certificate file", "\"~/.docker/cert.pem\""});
  flags.text(o.tls_key, {"tlskey", 0, "string", "Path to TLS key file", "\"~/.docker/key.pem\""});
  flags.boolean(o.tls_verify, {"tlsverify", 0, "", "Use TLS and verify the remote"});
  flags.boolean(o.version, {"version", 'v', "", "Print version information and quit"});
}

/// "  NAME  summary" lines of the commands whose shortest path lies in `group` ("" is the top).
std::string command_lines(std::string_view group) {
  std::map<std::string, std::string_view> lines;
  for (const Command& each : commands()) {
    std::vector<std::string> paths = base::split(each.aliases, ',');
    paths.emplace_back(each.path);
    for (const std::string& path : paths) {
      const std::string_view trimmed = base::trim(path);
      const std::size_t space = trimmed.find(' ');
      const bool inside = space != std::string_view::npos && trimmed.substr(0, space) == group;
      if (group.empty() ? space == std::string_view::npos && !trimmed.empty()
                        : inside && trimmed == each.path) {
        lines.emplace(trimmed.substr(group.empty() ? 0 : space + 1), each.summary);
      }
    }
  }
  std::size_t widest = 9;
  for (const auto& [name, summary] : lines) widest = std::max(widest, name.size());
  std::string out;
  for (const auto& [name, summary] : lines)
    out += fmt::format("  {:<{}}   {}\n", name, widest, summary);
  return out;
}

std::string top_help(const FlagSet& flags) {
  std::string out =
      "Usage:  docker [OPTIONS] COMMAND\n\nA self-sufficient runtime for containers\n\nManagement "
      "Commands:\n";
  for (const Group& each : kGroups) out += fmt::format("  {:<9}   {}\n", each.name, each.summary);
  return out + "\nCommands:\n" + command_lines("") + "\nGlobal Options:\n" +
         flags.help(terminal_columns() - 1) +
         "\nRun 'docker COMMAND --help' for more information on a command.\n";
}

std::string group_help(const Group& group) {
  return fmt::format(
      "Usage:  docker {0} COMMAND\n\n{1}\n\nCommands:\n{2}\nRun 'docker {0} COMMAND --help' for "
      "more information on a command.\n",
      group.name, group.summary, command_lines(group.name));
}

const Group* find_group(std::string_view name) {
  for (const Group& each : kGroups) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

using Words = std::vector<std::string>;

int run_group(const Group& group, const Words& words, const GlobalOptions& globals) {
  const bool help = words.size() > 1 && (words[1] == "--help" || words[1] == "-h");
  if (words.size() == 1 || help) {
    help ? write_out(group_help(group)) : write_error(group_help(group));
    return 0;
  }
  const std::string path = words[0] + " " + words[1];
  const Command* command = find_command(path);
  if (!command) {
    throw Exit(1, fmt::format("docker: unknown command: docker {0}\n\nUsage:  docker {1}\n\nRun "
                              "'docker {1} --help' for more information",
                              path, words[0]));
  }
  Invocation call(*command, path, globals, Words(words.begin() + 2, words.end()));
  return command->run(call);
}

int dispatch(const Words& words, const GlobalOptions& globals) {
  if (const Group* group = find_group(words[0])) return run_group(*group, words, globals);
  const Command* command = find_command(words[0]);
  if (!command) {
    throw Exit(1,
               fmt::format(
                   "docker: unknown command: docker {}\n\nRun 'docker --help' for more information",
                   words[0]));
  }
  Invocation call(*command, words[0], globals, Words(words.begin() + 1, words.end()));
  return command->run(call);
}

int run_parsed(const Words& all) {
  GlobalOptions globals;
  FlagSet flags(FlagSet::Stop::AtFirstArgument);
  bind_global_flags(flags, globals);
  Words words;
  try {
    words = flags.parse(all);
  } catch (const UsageError& wrong) {
    throw Exit(125, fmt::format("{}\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\nRun 'docker "
                                "--help' for more information",
                                wrong.what()));
  }
  if (globals.version) {
    write_out(fmt::format("Docker version {}, build wharf\n", kVersion));
    return 0;
  }
  if (!words.empty() && words[0] == "help") {
    words.erase(words.begin());
    if (!words.empty()) words.emplace_back("--help");
  }
  if (flags.help_asked() || words.empty()) {
    write_out(top_help(flags));
    return 0;
  }
  return dispatch(words, globals);
}

}  // namespace

int run_program(const Words& words) {
  try {
    return run_parsed(words);
  } catch (const Exit& exit) {
    if (*exit.what()) write_error(std::string(exit.what()) + "\n");
    return exit.status();
  } catch (const std::exception& failed) {
    write_error(std::string(failed.what()) + "\n");
    return 1;
  }
}

}  // namespace wharf::cli
