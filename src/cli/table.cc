#include "cli/table.h"

#include <vector>

#include "base/strings.h"

namespace wharf::cli {
namespace {

struct Decoded {
  char32_t rune = 0;
  std::size_t bytes = 1;
};

Decoded decode(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (length == 1 || length > text.size()) return {first, 1};
  char32_t rune = first & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    rune = (rune << 6) | (static_cast<unsigned char>(text[i]) & 0x3fu);
  }
  return {rune, length};
}

bool wide(char32_t rune) {
  return (rune >= 0x1100 && rune <= 0x115f) || (rune >= 0x2e80 && rune <= 0xa4cf) ||
         (rune >= 0xac00 && rune <= 0xd7a3) || (rune >= 0xf900 && rune <= 0xfaff) ||
         (rune >= 0xfe30 && rune <= 0xfe6f) || (rune >= 0xff00 && rune <= 0xff60) ||
         (rune >= 0x1f300 && rune <= 0x1faff) || (rune >= 0x20000 && rune <= 0x3fffd);
}

bool combining(char32_t rune) {
  return rune >= 0x300 && rune <= 0x36f;
}

using Lines = std::vector<std::vector<std::string>>;

/// Writes lines [from, to) given the widths of the columns on their left (tabwriter's format).
class Writer {
 public:
  Writer(const Lines& lines, Columns columns) : lines_(lines), columns_(columns) {}

  std::string format() {
    block(0, lines_.size());
    return out_;
  }

 private:
  bool has_column(std::size_t line, std::size_t column) const {
    return column + 1 < lines_[line].size();
  }

  void block(std::size_t from, std::size_t to) {
    const std::size_t column = widths_.size();
    std::size_t at = from;
    while (at < to) {
      if (!has_column(at, column)) {
        write(at++);
        continue;
      }
      std::size_t end = at;
      std::size_t width = columns_.least;
      for (; end < to && has_column(end, column); ++end) {
        width = std::max(width, display_width(lines_[end][column]) + columns_.padding);
      }
      widths_.push_back(width);
      block(at, end);
      widths_.pop_back();
      at = end;
    }
  }

  void write(std::size_t line) {
    const auto& cells = lines_[line];
    for (std::size_t i = 0; i < cells.size(); ++i) {
      out_ += cells[i];
      if (i + 1 < cells.size()) out_.append(widths_[i] - display_width(cells[i]), ' ');
    }
    if (line + 1 < lines_.size()) out_ += '\n';
  }

  const Lines& lines_;
  Columns columns_;
  std::vector<std::size_t> widths_;
  std::string out_;
};

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const Decoded next = decode(text);
    width += combining(next.rune) ? 0 : wide(next.rune) ? 2 : 1;
    text.remove_prefix(next.bytes);
  }
  return width;
}

std::string aligned(std::string_view text, Columns columns) {
  Lines lines;
  for (const std::string& line : base::split(text, '\n')) lines.push_back(base::split(line, '\t'));
  return Writer(lines, columns).format();
}

}  // namespace wharf::cli
