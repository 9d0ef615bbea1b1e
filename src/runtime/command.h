// The command line of an OCI runtime, as runc has it: `wharf-runtime [options] COMMAND …`.
//
// Each command is a process of its own; what they share is the state directory (state.h).
// An error goes to stderr as "wharf-runtime: words" and, with --log, to that file as text or
// JSON, where containerd, CRI-O and Podman look for it. Exit status 1, or for run and exec
// the status of the program.
#pragma once

#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/failure.h"

namespace wharf::runtime {

/// The options before the command.
struct Global {
  std::string_view root = "/run/wharf-runtime";
  std::string_view log;
  bool log_json = false;
  bool debug = false;
  /// cgroupsPath is "slice:prefix:name".
  bool systemd_cgroup = false;
  char** environment = nullptr;
};

/// One option of a command: "--bundle DIR", "-b DIR", "--bundle=DIR", or a bare switch.
struct Option {
  std::string_view name;
  std::string_view letter;
  std::string_view* value = nullptr;
  bool* flag = nullptr;
  /// May be given several times, such as --env; values are kept in order.
  std::span<char*>* list = nullptr;
};

/// Takes options off `arguments` until the first word that is none, or "--".
bool take_options(base::Arena& arena, std::span<char*>& arguments, std::span<const Option> options,
                  base::Failure& failure);

/// What a command needs: its words after the name, and where to complain.
struct Call {
  const Global& global;
  std::span<char*> arguments;
  base::Arena& arena;
  base::Failure& failure;
};

/// What does not stop us: to the log, or to stderr where there is none.
void warn(const Global& global, std::string_view words);

// Each returns the exit status; a failure is printed by run_command().
int create_command(Call& call);
int run_command_line(Call& call);
int start_command(Call& call);
int state_command(Call& call);
int kill_command(Call& call);
int delete_command(Call& call);
int exec_command(Call& call);
int list_command(Call& call);
int ps_command(Call& call);
int pause_command(Call& call);
int resume_command(Call& call);
int update_command(Call& call);
int features_command(Call& call);
int spec_command(Call& call);

/// The whole program but for `supervise`: the process's exit status.
int run_command(std::span<char*> arguments, char** environment);

}  // namespace wharf::runtime
