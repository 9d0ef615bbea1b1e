// The whole file: stages of instructions.
#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "base/text.h"
#include "dockerfile/flags.h"
#include "dockerfile/instruction.h"

namespace wharf::dockerfile {
namespace {

using base::fail;
using base::Kind;

bool is_stage_name(std::string_view name) {
  if (name.empty() || name[0] < 'a' || name[0] > 'z') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

Stage parse_stage(const Line& line) {
  const std::vector<std::string> words = split_blanks(line.rest);
  Stage stage;
  if (words.size() == 3 && base::equal_fold(words[1], "as")) {
    stage.name = base::lower(words[2]);
    if (!is_stage_name(stage.name)) {
      fail(Kind::InvalidArgument,
           "invalid name for build stage: {}, name can't start with a number or contain symbols",
           base::quoted(words[2]));
    }
  } else if (words.size() != 1) {
    fail(Kind::InvalidArgument, "FROM requires either one or three arguments");
  }
  const Flags flags(line.flags, {{"platform", FlagKind::Text}});
  stage.platform = flags.text("platform");
  stage.base = words[0];
  stage.code = base::trim(line.original);
  stage.line = line.first_line;
  return stage;
}

/// Docker: what its reader of lines finds is said without the number of the line.
bool found_by_reader(std::string_view text) {
  return text.ends_with("must have two arguments") || text.starts_with("Syntax error - can't") ||
         text.starts_with("when using JSON array syntax");
}

void add_line(const Line& line, File& file) {
  if (base::equal_fold(line.name, "from")) {
    file.stages.push_back(parse_stage(line));
    return;
  }
  Instruction instruction = parse_instruction(line, file.directives.escape);
  if (!file.stages.empty())
    file.stages.back().instructions.push_back(std::move(instruction));
  else
    file.arguments.push_back(std::move(instruction));
}

}  // namespace

File parse(const Text& text) {
  File file;
  file.directives = text.directives;
  for (const Line& line : text.lines) {
    try {
      add_line(line, file);
    } catch (const base::Error& error) {
      if (found_by_reader(error.what())) {
        fail(Kind::InvalidArgument, "failed to parse Dockerfile: {}", error.what());
      }
      fail(Kind::InvalidArgument, "dockerfile parse error on line {}: {}", line.first_line,
           error.what());
    }
    const bool outside =
        file.stages.empty() && !std::holds_alternative<Arg>(file.arguments.back().action);
    if (outside) fail(Kind::InvalidArgument, "no build stage in current context");
  }
  return file;
}

std::optional<std::size_t> find_stage(const std::vector<Stage>& stages, std::string_view target) {
  // Docker: of two stages with one name the later counts.
  const std::string name = base::lower(target);
  for (std::size_t i = stages.size(); i-- > 0;) {
    if (!stages[i].name.empty() && stages[i].name == name) return i;
  }
  std::uint64_t number = 0;
  if (base::parse_number(target, number) && number < stages.size()) return number;
  return std::nullopt;
}

}  // namespace wharf::dockerfile
