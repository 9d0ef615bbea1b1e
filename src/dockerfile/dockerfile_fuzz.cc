// Dockerfiles, .dockerignore files, patterns and words as strangers write them.
#include <cstdlib>

#include "base/error.h"
#include "dockerfile/expand.h"
#include "dockerfile/instruction.h"
#include "dockerfile/pattern.h"

namespace {

using namespace wharf::dockerfile;

void read_file(std::string_view text) {
  try {
    const Text lines = read_text(text);
    for (const Line& line : lines.lines) {
      if (line.first_line < 1 || line.last_line < line.first_line) std::abort();
      for (const Heredoc& heredoc : line.heredocs) content_of(heredoc);
    }
    const File file = parse(lines);
    find_stage(file.stages, "0");
  } catch (const wharf::base::Error&) {
  }
}

void expand_text(std::string_view text) {
  Expander expander;
  expander.variables = [](std::string_view name) -> std::optional<std::string> {
    if (name.size() % 2 == 0) return std::nullopt;
    return std::string(name) + "/a.b*c";
  };
  try {
    expander.word(text);
    for (const std::string& word : expander.words(text)) {
      if (word.empty()) std::abort();
    }
  } catch (const wharf::base::Error&) {
  }
}

void match(std::string_view text) {
  const std::size_t middle = text.size() / 2;
  const std::string path = clean_path(text.substr(middle));
  if (clean_path(path) != path) std::abort();
  try {
    PathPattern(text.substr(0, middle)).matches(path);
    const IgnoreList list = IgnoreList::parse(text.substr(0, middle));
    if (list.empty() && list.excludes(path)) std::abort();
  } catch (const wharf::base::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_file(text);
  // Tables of positions: bounded here as the callers bound paths and values.
  if (size > 4096) return 0;
  expand_text(text);
  match(text);
  return 0;
}
