// Commands: the table of all, and what each is called with.
//
// A command is a function in commands/*.cc: it binds its flags, calls Invocation::parse, then
// talks to the daemon and prints. It returns the exit status or throws; main() turns what
// is thrown into Docker's texts and statuses. One thread.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "cli/config.h"
#include "cli/daemon.h"
#include "cli/flags.h"

namespace wharf::cli {

/// Ends the program: `message` goes to standard error as it is ("" is nothing).
class Exit : public std::runtime_error {
 public:
  explicit Exit(int status, const std::string& message = {})
      : std::runtime_error(message), status_(status) {}
  int status() const { return status_; }

 private:
  int status_;
};

class Invocation;

struct Command {
  std::string_view path;     ///< "container ls": group and name.
  std::string_view aliases;  ///< "container list, container ps, ps": other paths, by ", ".
  std::string_view usage;    ///< "[OPTIONS] IMAGE [COMMAND] [ARG...]".
  std::string_view summary;
  int (*run)(Invocation& call);
};

/// How many arguments a command takes; the texts of wrong counts follow from it.
struct Arguments {
  std::size_t least = 0;
  std::size_t most = static_cast<std::size_t>(-1);
};

std::span<const Command> commands();
const Command* find_command(std::string_view path);

class Invocation {
 public:
  Invocation(const Command& command, std::string called_as, const GlobalOptions& globals,
             std::vector<std::string> words);

  /// Fills the flags and arguments(); prints help and exits for --help. Throws Exit with
  /// Docker's usage text for anything wrong.
  void parse(FlagSet& flags, Arguments count);

  const std::vector<std::string>& arguments() const { return arguments_; }
  const Config& config();
  Daemon& daemon();
  const Target& target();

  /// The path the user typed: "ps", "container ls".
  const std::string& called_as() const { return called_as_; }
  const GlobalOptions& globals() const { return globals_; }

  void out(std::string_view text) const;
  void error(std::string_view text) const;

 private:
  void check_count(const FlagSet& flags, Arguments count) const;
  std::string usage_line(const FlagSet& flags) const;

  const Command& command_;
  std::string called_as_;
  const GlobalOptions& globals_;
  std::vector<std::string> words_;
  std::vector<std::string> arguments_;
  std::unique_ptr<Config> config_;
  std::unique_ptr<Target> target_;
  std::unique_ptr<Daemon> daemon_;
};

/// Runs `action` for each name; prints what it returns, collects what fails, and exits 1
/// with all messages when any did (docker rm, stop, kill ...). AllAtOnce runs them on threads
/// of their own, so that stopping ten containers takes as long as the slowest; the lines
/// still come in the order of the names.
enum class Pace { OneByOne, AllAtOnce };
int for_each_name(Invocation& call, Pace pace,
                  const std::function<std::string(const std::string& name)>& action);

/// The whole program but main().
int run_program(const std::vector<std::string>& words);

}  // namespace wharf::cli
