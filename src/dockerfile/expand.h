// Variables in a Dockerfile: the shell's expansion in its fourteen forms, quotes and escapes.
//
//   $v ${v}  ${v:-w} ${v-w}  ${v:+w} ${v+w}  ${v:?m} ${v?m}
//   ${v#p} ${v##p}  ${v%p} ${v%%p}  ${v/p/r} ${v//p/r}
//
// A pattern knows '*' and '?'. Behaviour is that of BuildKit's shell lexer, which stands in for
// `sh` where no shell is there yet. Pure; throws base::Error InvalidArgument with Docker's texts.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wharf::dockerfile {

/// The value of a variable, or nothing where it is not set.
using Variables = std::function<std::optional<std::string>(std::string_view name)>;

/// How deep "${a:-${b:-...}}" may go, and how long the result may be.
inline constexpr int kExpansionDepth = 64;
inline constexpr std::size_t kExpansionLimit = 4 << 20;

struct Expander {
  char escape = '\\';
  Variables variables;
  bool keep_quotes = false;  ///< For heredocs and values whose quotes are somebody else's.
  bool keep_escapes = false;

  /// One word: blanks in it stay.
  std::string word(std::string_view text) const;

  /// Splits at blanks after expansion; what is quoted stays together.
  std::vector<std::string> words(std::string_view text) const;
};

}  // namespace wharf::dockerfile
