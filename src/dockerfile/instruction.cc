#include "dockerfile/instruction.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/text.h"
#include "base/time.h"
#include "dockerfile/flags.h"

namespace wharf::dockerfile {
namespace {

using base::fail;
using base::Kind;
using Words = std::vector<std::string>;
using Known = std::map<std::string, FlagKind, std::less<>>;

const Known kNoFlags;
constexpr std::int64_t kShortestIntervalNs = 1'000'000;

[[noreturn]] void exactly_one(std::string_view name) {
  fail(Kind::InvalidArgument, "{} requires exactly one argument", name);
}
[[noreturn]] void at_least_one(std::string_view name) {
  fail(Kind::InvalidArgument, "{} requires at least one argument", name);
}

/// `["a","b"]`, or nothing where it is no JSON list. Docker: one of other things than texts is an
/// error, anything else that is malformed is the shell's.
std::optional<Words> json_words(std::string_view text) {
  if (!text.starts_with('[')) return std::nullopt;
  base::Json json;
  try {
    json = base::parse_json(text);
  } catch (const base::Error&) {
    return std::nullopt;
  }
  if (!json.is_array()) return std::nullopt;
  Words words;
  for (const base::Json& one : json.get_array()) {
    if (!one.is_string()) {
      fail(Kind::InvalidArgument,
           "when using JSON array syntax, arrays must be comprised of strings only");
    }
    words.emplace_back(one.get_string());
  }
  return words;
}

CommandLine command_line(std::string_view text, const std::vector<Heredoc>& heredocs) {
  CommandLine line;
  line.files = heredocs;
  if (std::optional<Words> words = json_words(text)) {
    line.words = std::move(*words);
    line.shell = false;
  } else if (!text.empty()) {
    line.words = {std::string(text)};
  }
  return line;
}

/// "A=b C=d", or the old form "A b c".
Pairs pairs_of(std::string_view name, const Line& line, char escape) {
  const Words words = split_words(line.rest, escape);
  if (words.empty()) at_least_one(name);
  Pairs pairs;
  if (words[0].find('=') == std::string::npos) {
    const std::string_view rest = line.rest;
    const std::size_t end = rest.find_first_of(" \t\v\f\r");
    if (end == std::string_view::npos) {
      fail(Kind::InvalidArgument, "{} must have two arguments", name);
    }
    pairs.emplace_back(rest.substr(0, end), base::trim(rest.substr(end)));
    return pairs;
  }
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) {
      fail(Kind::InvalidArgument,
           "Syntax error - can't find = in {}. Must be of the form: name=value",
           base::quoted(word));
    }
    if (equals == 0) fail(Kind::InvalidArgument, "{} names can not be blank", name);
    pairs.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return pairs;
}

Action parse_arg(const Line& line, char escape) {
  const Flags flags(line.flags, kNoFlags);
  const Words words = split_words(line.rest, escape);
  if (words.empty()) at_least_one("ARG");
  Arg arg;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == 0) fail(Kind::InvalidArgument, "ARG names can not be blank");
    if (equals == std::string::npos)
      arg.arguments.emplace_back(word, std::nullopt);
    else
      arg.arguments.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return arg;
}

void read_sources(std::string_view name, const Line& line, Transfer& transfer) {
  Words words = json_words(line.rest).value_or(split_blanks(line.rest));
  if (words.size() < 2) {
    if (words.empty()) {
      fail(Kind::InvalidArgument,
           "{} requires at least two arguments, but only one was provided. "
           "Destination could not be determined",
           name);
    }
    fail(Kind::InvalidArgument,
         "{} requires at least two arguments, but only one was provided. Destination could not be "
         "determined",
         name);
  }
  transfer.destination = std::move(words.back());
  words.pop_back();
  Heredoc heredoc;
  if (parse_heredoc(transfer.destination, heredoc)) {
    fail(Kind::InvalidArgument, "{} cannot accept a heredoc as a destination", name);
  }
  for (std::string& word : words) {
    Heredoc found;
    if (!parse_heredoc(word, found)) {
      transfer.paths.push_back(std::move(word));
      continue;
    }
    for (const Heredoc& one : line.heredocs) {
      if (one.name == found.name) found.content = one.content;
    }
    transfer.files.push_back({found.name, content_of(found), found.expand});
  }
}

void read_common(const Flags& flags, Transfer& transfer) {
  transfer.chown = flags.text("chown");
  transfer.chmod = flags.text("chmod");
  transfer.link = flags.is_set("link");
  transfer.exclude = flags.texts("exclude");
  transfer.used_flags = flags.used();
}

Action parse_add(const Line& line, char) {
  Add add;
  read_sources("ADD", line, add);
  const Flags flags(line.flags, {{"chown", FlagKind::Text},
                                 {"chmod", FlagKind::Text},
                                 {"link", FlagKind::Boolean},
                                 {"exclude", FlagKind::Texts},
                                 {"checksum", FlagKind::Text},
                                 {"keep-git-dir", FlagKind::Boolean},
                                 {"unpack", FlagKind::Boolean}});
  read_common(flags, add);
  add.checksum = flags.text("checksum");
  add.keep_git_dir = flags.is_set("keep-git-dir");
  if (flags.has("unpack")) add.unpack = flags.is_set("unpack");
  return add;
}

Action parse_copy(const Line& line, char) {
  Copy copy;
  read_sources("COPY", line, copy);
  const Flags flags(line.flags, {{"chown", FlagKind::Text},
                                 {"chmod", FlagKind::Text},
                                 {"link", FlagKind::Boolean},
                                 {"exclude", FlagKind::Texts},
                                 {"from", FlagKind::Text},
                                 {"parents", FlagKind::Boolean}});
  read_common(flags, copy);
  copy.from = flags.text("from");
  copy.parents = flags.is_set("parents");
  return copy;
}

Action parse_run(const Line& line, char) {
  const Flags flags(line.flags, {{"mount", FlagKind::Texts},
                                 {"network", FlagKind::Text},
                                 {"security", FlagKind::Text},
                                 {"device", FlagKind::Texts}});
  Run run;
  run.mounts = flags.texts("mount");
  run.devices = flags.texts("device");
  run.network = flags.text("network");
  run.security = flags.text("security");
  run.used_flags = flags.used();
  run.command = command_line(line.rest, line.heredocs);
  return run;
}

Action parse_cmd(const Line& line, char) {
  const Flags flags(line.flags, kNoFlags);
  return Cmd{command_line(line.rest, {})};
}

Action parse_entrypoint(const Line& line, char) {
  const Flags flags(line.flags, kNoFlags);
  return Entrypoint{command_line(line.rest, {})};
}

Action parse_env(const Line& line, char escape) {
  const Flags flags(line.flags, kNoFlags);
  return Env{pairs_of("ENV", line, escape)};
}

Action parse_label(const Line& line, char escape) {
  const Flags flags(line.flags, kNoFlags);
  return Label{pairs_of("LABEL", line, escape), false};
}

std::string one_text(std::string_view name, const Line& line) {
  if (line.rest.empty()) exactly_one(name);
  const Flags flags(line.flags, kNoFlags);
  return line.rest;
}

Action parse_maintainer(const Line& line, char) {
  return Maintainer{one_text("MAINTAINER", line)};
}
Action parse_user(const Line& line, char) {
  return User{one_text("USER", line)};
}
Action parse_workdir(const Line& line, char) {
  return Workdir{one_text("WORKDIR", line)};
}
Action parse_stop_signal(const Line& line, char) {
  return StopSignal{one_text("STOPSIGNAL", line)};
}

Action parse_expose(const Line& line, char) {
  if (line.rest.empty()) at_least_one("EXPOSE");
  const Flags flags(line.flags, kNoFlags);
  Expose expose{split_blanks(line.rest)};
  std::sort(expose.ports.begin(), expose.ports.end());
  return expose;
}

Action parse_volume(const Line& line, char) {
  if (line.rest.empty()) at_least_one("VOLUME");
  const Flags flags(line.flags, kNoFlags);
  Volume volume{json_words(line.rest).value_or(split_blanks(line.rest))};
  if (volume.paths.empty()) at_least_one("VOLUME");
  for (std::string& path : volume.paths) {
    path = base::trim(path);
    if (path.empty()) fail(Kind::InvalidArgument, "VOLUME specified can not be an empty string");
  }
  return volume;
}

Action parse_shell(const Line& line, char) {
  const Flags flags(line.flags, kNoFlags);
  const std::optional<Words> words = json_words(line.rest);
  if (line.rest.empty() || (words && words->empty())) at_least_one("SHELL");
  if (!words) fail(Kind::InvalidArgument, "SHELL requires the arguments to be in JSON form");
  return Shell{*words};
}

Action parse_on_build(const Line& line, char escape) {
  if (line.rest.empty()) at_least_one("ONBUILD");
  const Flags flags(line.flags, kNoFlags);
  std::string expression = line.rest;
  for (const Heredoc& heredoc : line.heredocs) {
    expression += "\n" + heredoc.content + heredoc.name;
  }
  std::string name = split_blanks(line.rest)[0];
  for (char& c : name) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  if (name == "ONBUILD") {
    fail(Kind::InvalidArgument, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  }
  if (name == "FROM" || name == "MAINTAINER") {
    fail(Kind::InvalidArgument, "{} isn't allowed as an ONBUILD trigger", name);
  }
  (void)escape;
  return OnBuild{expression};
}

std::int64_t interval(const Flags& flags, std::string_view name) {
  const std::string text = flags.text(name);
  if (text.empty()) return 0;
  const std::int64_t value = base::parse_duration_ns(text);
  if (value != 0 && value < kShortestIntervalNs) {
    fail(Kind::InvalidArgument, "Interval \"{}\" cannot be less than 1ms", name);
  }
  return value;
}

std::int64_t retries_of(const Flags& flags) {
  const std::string text = flags.text("retries");
  if (text.empty()) return 0;
  std::int64_t value = 0;
  if (!base::parse_number(text, value)) {
    fail(Kind::InvalidArgument, "strconv.ParseInt: parsing {}: invalid syntax", base::quoted(text));
  }
  if (value > INT32_MAX || value < INT32_MIN) {
    fail(Kind::InvalidArgument, "strconv.ParseInt: parsing {}: value out of range",
         base::quoted(text));
  }
  if (value < 0) fail(Kind::InvalidArgument, "--retries cannot be negative ({})", value);
  return value;
}

Action parse_health_check(const Line& line, char) {
  if (line.rest.empty()) at_least_one("HEALTHCHECK");
  const std::string_view rest = line.rest;
  const std::size_t end = std::min(rest.find_first_of(" \t\v\f\r"), rest.size());
  const std::string type = base::lower(rest.substr(0, end));
  const std::string_view command = base::trim(rest.substr(end));
  HealthCheck check;
  if (type == "none") {
    if (!command.empty()) fail(Kind::InvalidArgument, "HEALTHCHECK NONE takes no arguments");
    check.test = {"NONE"};
    return check;
  }
  const Flags flags(line.flags, {{"interval", FlagKind::Text},
                                 {"timeout", FlagKind::Text},
                                 {"start-period", FlagKind::Text},
                                 {"start-interval", FlagKind::Text},
                                 {"retries", FlagKind::Text}});
  if (type != "cmd") {
    std::string upper(rest.substr(0, end));
    for (char& c : upper) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    fail(Kind::InvalidArgument, "Unknown type {} in HEALTHCHECK (try CMD)", base::quoted(upper));
  }
  const CommandLine parsed = command_line(command, {});
  if (parsed.words.empty()) fail(Kind::InvalidArgument, "Missing command after HEALTHCHECK CMD");
  check.test = parsed.words;
  check.test.insert(check.test.begin(), parsed.shell ? "CMD-SHELL" : "CMD");
  check.interval_ns = interval(flags, "interval");
  check.timeout_ns = interval(flags, "timeout");
  check.start_period_ns = interval(flags, "start-period");
  check.start_interval_ns = interval(flags, "start-interval");
  check.retries = retries_of(flags);
  return check;
}

using Parser = Action (*)(const Line&, char);
constexpr std::pair<std::string_view, Parser> kParsers[] = {{"add", parse_add},
                                                            {"arg", parse_arg},
                                                            {"cmd", parse_cmd},
                                                            {"copy", parse_copy},
                                                            {"entrypoint", parse_entrypoint},
                                                            {"env", parse_env},
                                                            {"expose", parse_expose},
                                                            {"healthcheck", parse_health_check},
                                                            {"label", parse_label},
                                                            {"maintainer", parse_maintainer},
                                                            {"onbuild", parse_on_build},
                                                            {"run", parse_run},
                                                            {"shell", parse_shell},
                                                            {"stopsignal", parse_stop_signal},
                                                            {"user", parse_user},
                                                            {"volume", parse_volume},
                                                            {"workdir", parse_workdir}};

Words instruction_names() {
  Words names = {"FROM"};
  for (const auto& [name, parser] : kParsers) {
    std::string upper(name);
    for (char& c : upper) c = static_cast<char>(c - 'a' + 'A');
    names.push_back(upper);
  }
  return names;
}

}  // namespace

Instruction parse_instruction(const Line& line, char escape) {
  const std::string name = base::lower(line.name);
  for (const auto& [known, parser] : kParsers) {
    if (known != name) continue;
    return {std::string(base::trim(line.original)), line.first_line, parser(line, escape)};
  }
  fail(Kind::InvalidArgument, "unknown instruction: {}{}", line.name,
       suggestion(line.name, instruction_names()));
}

}  // namespace wharf::dockerfile
