// The lines of a Dockerfile: continuation, comments, directives, heredocs.
//
// What an instruction is called and what it means comes later (instruction.h); here a text
// becomes a list of lines, each with where it stands. Behaviour is that of BuildKit's parser,
// which both of Docker's builders use (docs: Dockerfile reference, "Format", "Parser directives",
// "Here-documents"). Pure functions of their input; throw base::Error InvalidArgument.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace wharf::dockerfile {

/// Of the whole file, and of one line after continuation, in bytes.
inline constexpr std::size_t kFileLimit = 4 << 20;
/// Docker: the longest physical line.
inline constexpr std::size_t kLineLimit = 65535;
/// Instructions of one file, triggers included (threats A50).
inline constexpr std::size_t kInstructionLimit = 20'000;
inline constexpr std::size_t kHeredocLimit = 1000;

struct Heredoc {
  std::string name;
  std::string content;
  bool expand = true;  ///< False where the delimiter is quoted.
  bool chomp = false;  ///< "<<-": leading tabs go.
  unsigned file_descriptor = 0;
  bool operator==(const Heredoc&) const = default;
};

/// The content as it is used: without leading tabs where it is chomped.
std::string content_of(const Heredoc& heredoc);

/// `<<EOF`, `3<<-"EOF"`; false where the word is no heredoc.
bool parse_heredoc(std::string_view word, Heredoc& heredoc);

/// One instruction as it was written.
struct Line {
  std::string name;      ///< As typed.
  std::string original;  ///< With continuations joined.
  std::vector<std::string> flags;
  std::string rest;  ///< After name and flags, trimmed.
  std::vector<Heredoc> heredocs;
  std::vector<std::string> comments;  ///< Right above it.
  int first_line = 0;
  int last_line = 0;
  bool empty_continuation = false;  ///< A blank line within it.
};

struct Directives {
  char escape = '\\';
  std::string syntax;
  std::string check;
};

struct Text {
  Directives directives;
  std::vector<Line> lines;
};

/// Throws "file with no instructions" and what is wrong with a line.
Text read_text(std::string_view bytes);

/// One line that is no file of its own: a trigger of ONBUILD, with its heredocs.
Line read_line(std::string_view text, char escape);

/// Splits at blanks; quotes and what is escaped stay as they are.
std::vector<std::string> split_words(std::string_view text, char escape);

/// Splits at blanks, and nothing else.
std::vector<std::string> split_blanks(std::string_view text);

}  // namespace wharf::dockerfile
