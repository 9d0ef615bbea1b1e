#include "server/route.h"

namespace wharf::server {
namespace {

constexpr std::string_view kAnything = ":.*";

/// The longest stretch of `path` that the variable takes with the rest still fitting, as Go's
/// regular expressions (and so Docker's router) choose it.
bool fits_variable(std::string_view pattern, std::string_view path, Variables& variables) {
  const std::size_t close = pattern.find('}');
  std::string_view name = pattern.substr(1, close - 1);
  const bool anything = name.ends_with(kAnything);
  if (anything) name.remove_suffix(kAnything.size());
  const std::string_view rest = pattern.substr(close + 1);

  const std::size_t most = anything ? path.size() : std::min(path.find('/'), path.size());
  const std::size_t least = anything ? 0 : 1;
  for (std::size_t length = most + 1; length-- > least;) {
    if (!fits(rest, path.substr(length), variables)) continue;
    variables.insert_or_assign(std::string(name), std::string(path.substr(0, length)));
    return true;
  }
  return false;
}

}  // namespace

bool fits(std::string_view pattern, std::string_view path, Variables& variables) {
  const std::size_t open = pattern.find('{');
  const std::string_view literal = pattern.substr(0, open);
  if (open == std::string_view::npos) return path == literal;
  if (!path.starts_with(literal)) return false;
  return fits_variable(pattern.substr(open), path.substr(literal.size()), variables);
}

}  // namespace wharf::server
