// The instructions of a Dockerfile as values, and the file as stages of them.
//
// Nothing is expanded here: values are as written, and the builder expands them with the variables
// of its stage (Expander). Texts of errors are Docker's. Pure; throw base::Error InvalidArgument.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "dockerfile/text.h"

namespace wharf::dockerfile {

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// RUN, CMD, ENTRYPOINT, and the command of HEALTHCHECK.
struct CommandLine {
  std::vector<std::string> words;  ///< The exec form; else one text for the shell, or none.
  bool shell = true;
  std::vector<Heredoc> files;
};

/// A heredoc as a source of COPY and ADD.
struct InlineFile {
  std::string name;
  std::string content;
  bool expand = true;
};

/// What ADD and COPY share.
struct Transfer {
  std::vector<std::string> paths;
  std::vector<InlineFile> files;
  std::string destination;
  std::string chown;
  std::string chmod;
  bool link = false;
  std::vector<std::string> exclude;
  std::vector<std::string> used_flags;  ///< Names, in order.
};

struct Add : Transfer {
  std::string checksum;
  bool keep_git_dir = false;
  std::optional<bool> unpack;
};
struct Copy : Transfer {
  std::string from;
  bool parents = false;
};
struct Run {
  CommandLine command;
  std::vector<std::string> mounts;  ///< Values of --mount.
  std::vector<std::string> devices;
  std::string network;
  std::string security;
  std::vector<std::string> used_flags;
};
struct Arg {
  /// Name, and the default where there is one.
  std::vector<std::pair<std::string, std::optional<std::string>>> arguments;
};
struct Env {
  Pairs pairs;
};
struct Label {
  Pairs pairs;
  bool expanded = false;  ///< Given with the request: nothing is expanded.
};
struct Maintainer {
  std::string name;
};
struct Cmd {
  CommandLine command;
};
struct Entrypoint {
  CommandLine command;
};
struct Expose {
  std::vector<std::string> ports;
};
struct Volume {
  std::vector<std::string> paths;
};
struct User {
  std::string user;
};
struct Workdir {
  std::string path;
};
struct OnBuild {
  std::string expression;
};
struct StopSignal {
  std::string signal;
};
struct Shell {
  std::vector<std::string> words;
};
/// Nanoseconds; 0 is the default.
struct HealthCheck {
  std::vector<std::string> test;
  std::int64_t interval_ns = 0;
  std::int64_t timeout_ns = 0;
  std::int64_t start_period_ns = 0;
  std::int64_t start_interval_ns = 0;
  std::int64_t retries = 0;
};

using Action = std::variant<Add, Copy, Run, Arg, Env, Label, Maintainer, Cmd, Entrypoint, Expose,
                            Volume, User, Workdir, OnBuild, StopSignal, Shell, HealthCheck>;

struct Instruction {
  std::string code;  ///< As written, on one line: what "Step" shows.
  int line = 0;
  Action action;
};

struct Stage {
  std::string base;  ///< As written: may hold variables.
  std::string name;  ///< Lower case; "" without AS.
  std::string platform;
  std::string code;
  int line = 0;
  std::vector<Instruction> instructions;
};

struct File {
  Directives directives;
  std::vector<Instruction> arguments;  ///< Before the first FROM: all are Arg.
  std::vector<Stage> stages;
};

/// Throws `dockerfile parse error on line N: ...` and the other texts of a file that is wrong.
File parse(const Text& text);

/// An instruction that starts no stage: of ONBUILD, for one.
Instruction parse_instruction(const Line& line, char escape);

/// The index of the stage that `target` names, by name or number.
std::optional<std::size_t> find_stage(const std::vector<Stage>& stages, std::string_view target);

}  // namespace wharf::dockerfile
