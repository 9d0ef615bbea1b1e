// Patterns: of ${v#p} and its like, of COPY's sources, and of .dockerignore.
//
// All of them are matched by a table of positions, so no pattern takes more than its length times
// the text's. Pure; throw base::Error InvalidArgument where a pattern is malformed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace wharf::dockerfile {

/// '*' and '?' as the shell has them; `\*`, `\?`, `\\` are those characters.
class ShellPattern {
 public:
  explicit ShellPattern(std::string_view text);

  std::string without_prefix(std::string_view value, bool longest) const;
  std::string without_suffix(std::string_view value, bool longest) const;
  std::string replaced(std::string_view value, std::string_view with, bool all) const;

 private:
  struct Piece {
    enum class Kind { Char, One, Many } kind;
    char character;
  };
  /// The end of the shortest or longest match that begins at `from`, or npos.
  std::size_t match(std::string_view value, std::size_t from, bool longest) const;

  std::vector<Piece> pieces_;
};

/// A path pattern of Go's filepath.Match, with "**" for any number of directories.
class PathPattern {
 public:
  /// Throws "syntax error in pattern".
  explicit PathPattern(std::string_view text);

  bool matches(std::string_view path) const;

 private:
  struct Piece {
    enum class Kind { Char, Any, Set, Star, DoubleStar } kind;
    char character = 0;
    bool negated = false;
    std::vector<std::pair<unsigned char, unsigned char>> ranges;
  };
  bool fits(const Piece& piece, char c) const;
  std::size_t read_set(std::string_view text, std::size_t at);

  std::vector<Piece> pieces_;
};

/// True where a COPY source is a pattern rather than a name.
bool has_wildcards(std::string_view path);

/// The lines of .dockerignore, or the values of --exclude.
class IgnoreList {
 public:
  IgnoreList() = default;

  /// Reads the file: comments, blank lines and a byte order mark go.
  static IgnoreList parse(std::string_view file);
  /// Each one pattern, "!" re-includes. Throws `illegal exclusion pattern: "!"`.
  explicit IgnoreList(const std::vector<std::string>& patterns);

  /// `path` is relative and clean. The last pattern that fits it or a directory above decides.
  bool excludes(std::string_view path) const;

  /// False where everything below an excluded directory is excluded as well.
  bool may_include_below(std::string_view directory) const;

  bool empty() const { return rules_.empty(); }

 private:
  struct Rule {
    PathPattern pattern;
    bool include;
    std::string text;
  };
  std::vector<Rule> rules_;
};

/// Go's path.Clean.
std::string clean_path(std::string_view path);

}  // namespace wharf::dockerfile
