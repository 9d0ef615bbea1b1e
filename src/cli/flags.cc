#include "cli/flags.h"

#include <charconv>

#include "base/strings.h"

namespace wharf::cli {

bool parse_bool(std::string_view text) {
  for (const char* yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (text == yes) return true;
  }
  for (const char* no : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (text == no) return false;
  }
  throw UsageError(
      fmt::format("strconv.ParseBool: parsing {}: invalid syntax", base::quoted(text)));
}

namespace {

/// strconv's base 0: 0x, 0o, 0b and a bare 0 choose the base.
template <class T>
T parse_number(std::string_view text, const std::string& function) {
  std::string_view digits = text;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  int base = 10;
  const bool negative = std::is_signed_v<T> && digits.starts_with('-');
  std::string_view body = negative ? digits.substr(1) : digits;
  if (body.size() > 1 && body[0] == '0') {
    const char kind = static_cast<char>(body[1] | 0x20);
    base = kind == 'x' ? 16 : kind == 'b' ? 2 : 8;
    body.remove_prefix(kind == 'x' || kind == 'b' || kind == 'o' ? 2 : 1);
  }
  const std::string whole = (negative ? "-" : "") + std::string(body);
  T value{};
  const auto [end, failed] =
      std::from_chars(whole.data(), whole.data() + whole.size(), value, base);
  if (failed == std::errc::result_out_of_range) {
    throw UsageError(
        fmt::format("strconv.{}: parsing {}: value out of range", function, base::quoted(text)));
  }
  if (failed != std::errc{} || end != whole.data() + whole.size() || body.starts_with('-')) {
    throw UsageError(
        fmt::format("strconv.{}: parsing {}: invalid syntax", function, base::quoted(text)));
  }
  return value;
}

}  // namespace

std::int64_t parse_integer(std::string_view text, const char* function) {
  return parse_number<std::int64_t>(text, function);
}

std::uint64_t parse_unsigned(std::string_view text, unsigned bits) {
  const auto value = parse_number<std::uint64_t>(text, "ParseUint");
  if (bits < 64 && value >> bits) {
    throw UsageError(
        fmt::format("strconv.ParseUint: parsing {}: value out of range", base::quoted(text)));
  }
  return value;
}

void FlagSet::boolean(bool& value, FlagName name) {
  flags_.push_back({name, [&value](const std::string& text) { value = parse_bool(text); }, true});
}

void FlagSet::text(std::string& value, FlagName name) {
  custom(name, [&value](const std::string& given) { value = given; });
}

void FlagSet::list(std::vector<std::string>& values, FlagName name) {
  custom(name, [&values](const std::string& given) { values.push_back(given); });
}

void FlagSet::integer(std::int64_t& value, FlagName name) {
  custom(name, [&value](const std::string& given) { value = parse_integer(given); });
}

void FlagSet::integer(std::optional<std::int64_t>& value, FlagName name) {
  custom(name, [&value](const std::string& given) { value = parse_integer(given); });
}

void FlagSet::custom(FlagName name, Setter set) {
  flags_.push_back({name, std::move(set)});
}

FlagSet::Flag* FlagSet::find(std::string_view name) {
  for (Flag& each : flags_) {
    if (each.name.name == name) return &each;
  }
  return nullptr;
}

FlagSet::Flag* FlagSet::find_short(char name) {
  for (Flag& each : flags_) {
    if (each.name.short_name == name) return &each;
  }
  return nullptr;
}

bool FlagSet::given(std::string_view name) const {
  for (const Flag& each : flags_) {
    if (each.name.name == name) return each.given;
  }
  return false;
}

void FlagSet::set(Flag& flag, const std::string& value) {
  flag.given = true;
  try {
    flag.set(value);
  } catch (const std::exception& wrong) {
    const std::string short_name =
        flag.name.short_name ? fmt::format("-{}, ", flag.name.short_name) : std::string();
    throw UsageError(fmt::format("invalid argument {} for \"{}--{}\" flag: {}", base::quoted(value),
                                 short_name, flag.name.name, wrong.what()));
  }
}

void FlagSet::parse_long(const std::vector<std::string>& words, std::size_t& at) {
  const std::string_view word = std::string_view(words[at]).substr(2);
  if (word.starts_with('-') || word.starts_with('=')) {
    throw UsageError("bad flag syntax: " + words[at]);
  }
  const std::size_t equals = word.find('=');
  const std::string_view name = word.substr(0, equals);
  Flag* flag = find(name);
  if (name == "help" && equals == std::string_view::npos) {
    help_asked_ = true;
    return;
  }
  if (!flag) throw UsageError(fmt::format("unknown flag: --{}", name));
  if (equals != std::string_view::npos) return set(*flag, std::string(word.substr(equals + 1)));
  if (flag->is_bool) return set(*flag, "true");
  if (at + 1 >= words.size()) throw UsageError(fmt::format("flag needs an argument: --{}", name));
  set(*flag, words[++at]);
}

void FlagSet::parse_short(const std::vector<std::string>& words, std::size_t& at) {
  const std::string whole = words[at];
  std::string_view group = std::string_view(whole).substr(1);
  while (!group.empty()) {
    const char name = group[0];
    Flag* flag = find_short(name);
    if (!flag && name == 'h') {
      help_asked_ = true;
      return;
    }
    if (!flag) throw UsageError(fmt::format("unknown shorthand flag: '{}' in -{}", name, group));
    if (group.size() > 2 && group[1] == '=') return set(*flag, std::string(group.substr(2)));
    if (flag->is_bool) {
      set(*flag, "true");
      group.remove_prefix(1);
      continue;
    }
    if (group.size() > 1) return set(*flag, std::string(group.substr(1)));
    if (at + 1 >= words.size()) {
      throw UsageError(fmt::format("flag needs an argument: '{}' in -{}", name, group));
    }
    return set(*flag, words[++at]);
  }
}

std::vector<std::string> FlagSet::parse(const std::vector<std::string>& words) {
  std::vector<std::string> arguments;
  for (std::size_t at = 0; at < words.size() && !help_asked_; ++at) {
    const std::string& word = words[at];
    if (word.size() < 2 || word[0] != '-') {
      if (stop_ == Stop::AtFirstArgument) {
        arguments.assign(words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
        return arguments;
      }
      arguments.push_back(word);
    } else if (word == "--") {
      arguments.insert(arguments.end(), words.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                       words.end());
      return arguments;
    } else if (word[1] == '-') {
      parse_long(words, at);
    } else {
      parse_short(words, at);
    }
  }
  return arguments;
}

bool FlagSet::has_visible() const {
  for (const Flag& each : flags_) {
    if (!each.name.hidden) return true;
  }
  return false;
}

namespace {

constexpr std::size_t kSlop = 5;         ///< A last line may be this much longer.
constexpr std::size_t kLeastWidth = 24;  ///< Narrower text is not wrapped at all.

/// Takes one piece of at most `width` characters off the front of `rest`, cut at white space.
/// A line feed within it ends the piece, but stays inside when it is the only cut there is.
std::string_view take_line(std::string_view& rest, std::size_t width) {
  const std::string_view all = rest;
  std::size_t cut =
      width + kSlop > all.size() ? all.size() : all.substr(0, width).find_last_of(" \t\n");
  if (cut == std::string_view::npos || cut == 0) cut = all.size();
  if (cut < all.size()) {
    const std::size_t feed = all.substr(0, width).rfind('\n');
    if (feed != std::string_view::npos && feed > 0 && feed < cut) cut = feed;
  }
  rest.remove_prefix(std::min(cut + 1, all.size()));
  return all.substr(0, cut);
}

std::string wrapped(std::size_t indent, std::size_t columns, std::string_view text) {
  const std::size_t width = columns > indent + kLeastWidth ? columns - indent - kSlop : text.size();
  const std::string next_line = "\n" + std::string(indent, ' ');
  std::string out;
  for (std::string_view rest = text; !rest.empty();) {
    if (!out.empty()) out += next_line;
    for (const char c : take_line(rest, width)) {
      c == '\n' ? out += next_line : out += c;
    }
  }
  return out;
}

}  // namespace

std::string FlagSet::help(std::size_t columns) const {
  struct Line {
    std::string left;
    std::string right;
  };
  std::vector<const Flag*> sorted;
  for (const Flag& each : flags_) {
    if (!each.name.hidden) sorted.push_back(&each);
  }
  std::sort(sorted.begin(), sorted.end(),
            [](const Flag* a, const Flag* b) { return a->name.name < b->name.name; });
  std::vector<Line> lines;
  std::size_t widest = 0;
  for (const Flag* each : sorted) {
    const FlagName& name = each->name;
    Line line;
    line.left = name.short_name ? fmt::format("  -{}, --{}", name.short_name, name.name)
                                : fmt::format("      --{}", name.name);
    if (!name.type.empty()) line.left += fmt::format(" {}", name.type);
    line.right = name.usage;
    if (!name.shown_default.empty()) line.right += fmt::format(" (default {})", name.shown_default);
    widest = std::max(widest, line.left.size());
    lines.push_back(std::move(line));
  }
  std::string out;
  for (const Line& line : lines) {
    out += line.left + std::string(widest - line.left.size() + 3, ' ') +
           wrapped(widest + 3, columns, line.right) + "\n";
  }
  return out;
}

}  // namespace wharf::cli
