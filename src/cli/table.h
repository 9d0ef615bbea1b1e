// Columns as Docker prints them: cells separated by tabs, padded with spaces.
#pragma once

#include <string>
#include <string_view>

namespace wharf::cli {

struct Columns {
  std::size_t least = 10;  ///< Of every column but the last of a line, padding included.
  std::size_t padding = 3;
};

/// Aligns lines of tab-separated cells (Go's tabwriter, as Docker sets it). As there, a column
/// is a block of neighbouring lines that have it: a line without the cell ends the block.
std::string aligned(std::string_view text, Columns columns = {});

/// Terminal columns that UTF-8 `text` takes: wide characters count as two.
std::size_t display_width(std::string_view text);

}  // namespace wharf::cli
