#include "dockerfile/pattern.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"

namespace wharf::dockerfile {
namespace {

using base::fail;
using base::Kind;

constexpr std::size_t kNone = std::string_view::npos;
/// Of a .dockerignore: more would make every file of the context slow.
constexpr std::size_t kRuleLimit = 10'000;

}  // namespace

ShellPattern::ShellPattern(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '*') {
      pieces_.push_back({Piece::Kind::Many, c});
    } else if (c == '?') {
      pieces_.push_back({Piece::Kind::One, c});
    } else if (c == '\\') {
      if (++i == text.size())
        fail(Kind::InvalidArgument, "invalid pattern ({}) in substitution", text);
      const bool known = std::string_view("*?\\}/").find(text[i]) != kNone;
      if (!known) {
        fail(Kind::InvalidArgument, "invalid pattern ({}) in substitution: invalid escape '\\{}'",
             text, text[i]);
      }
      pieces_.push_back({Piece::Kind::Char, text[i]});
    } else {
      pieces_.push_back({Piece::Kind::Char, c});
    }
  }
}

std::size_t ShellPattern::match(std::string_view value, std::size_t from, bool longest) const {
  // reached[i]: the pieces so far can end before value[i].
  std::vector<bool> reached(value.size() + 1, false);
  reached[from] = true;
  for (const Piece& piece : pieces_) {
    std::vector<bool> after(value.size() + 1, false);
    bool any = false;
    for (std::size_t i = from; i <= value.size(); ++i) {
      if (piece.kind == Piece::Kind::Many) {
        any = any || reached[i];
        after[i] = any;
      } else if (reached[i] && i < value.size() &&
                 (piece.kind == Piece::Kind::One || value[i] == piece.character)) {
        after[i + 1] = true;
      }
    }
    reached.swap(after);
  }
  std::size_t found = kNone;
  for (std::size_t i = from; i <= value.size(); ++i) {
    if (!reached[i]) continue;
    found = i;
    if (!longest) break;
  }
  return found;
}

std::string ShellPattern::without_prefix(std::string_view value, bool longest) const {
  const std::size_t end = match(value, 0, longest);
  return std::string(end == kNone ? value : value.substr(end));
}

std::string ShellPattern::without_suffix(std::string_view value, bool longest) const {
  ShellPattern backward = *this;
  std::reverse(backward.pieces_.begin(), backward.pieces_.end());
  const std::string reversed(value.rbegin(), value.rend());
  const std::size_t end = backward.match(reversed, 0, longest);
  return std::string(end == kNone ? value : value.substr(0, value.size() - end));
}

std::string ShellPattern::replaced(std::string_view value, std::string_view with, bool all) const {
  constexpr std::size_t kLongestValue = 64 << 10;
  if (value.size() > kLongestValue) {
    fail(Kind::InvalidArgument, "a value of more than {} bytes in a substitution", kLongestValue);
  }
  std::string out;
  std::size_t at = 0;
  while (at <= value.size()) {
    const std::size_t end = match(value, at, true);
    if (end == kNone) {
      if (at < value.size()) out += value[at];
      ++at;
      continue;
    }
    out += with;
    // An empty match moves on by one character.
    if (end == at && at < value.size()) out += value[at];
    at = end == at ? at + 1 : end;
    if (!all || at == value.size()) break;
  }
  if (at < value.size()) out += value.substr(at);
  return out;
}

std::size_t PathPattern::read_set(std::string_view text, std::size_t at) {
  Piece set{Piece::Kind::Set, 0, false, {}};
  const auto next = [&]() -> unsigned char {
    if (at < text.size() && text[at] == '\\') ++at;
    if (at >= text.size()) fail(Kind::InvalidArgument, "syntax error in pattern");
    return static_cast<unsigned char>(text[at++]);
  };
  if (at < text.size() && text[at] == '^') {
    set.negated = true;
    ++at;
  }
  while (true) {
    if (at >= text.size()) fail(Kind::InvalidArgument, "syntax error in pattern");
    if (text[at] == ']' && !set.ranges.empty()) break;
    if (text[at] == ']' || text[at] == '-') fail(Kind::InvalidArgument, "syntax error in pattern");
    const unsigned char low = next();
    unsigned char high = low;
    if (at < text.size() && text[at] == '-') {
      ++at;
      high = next();
    }
    set.ranges.emplace_back(low, high);
  }
  pieces_.push_back(std::move(set));
  return at;
}

PathPattern::PathPattern(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '*' && i + 1 < text.size() && text[i + 1] == '*') {
      ++i;
      // "**/" is any number of directories, also none.
      if (i + 1 < text.size() && text[i + 1] == '/') {
        ++i;
        pieces_.push_back({Piece::Kind::DoubleStar, '/', false, {}});
      } else {
        pieces_.push_back({Piece::Kind::DoubleStar, 0, false, {}});
      }
    } else if (c == '*') {
      pieces_.push_back({Piece::Kind::Star, 0, false, {}});
    } else if (c == '?') {
      pieces_.push_back({Piece::Kind::Any, 0, false, {}});
    } else if (c == '[') {
      i = read_set(text, i + 1);
    } else if (c == '\\') {
      if (++i == text.size()) fail(Kind::InvalidArgument, "syntax error in pattern");
      pieces_.push_back({Piece::Kind::Char, text[i], false, {}});
    } else {
      pieces_.push_back({Piece::Kind::Char, c, false, {}});
    }
  }
}

bool PathPattern::fits(const Piece& piece, char c) const {
  if (piece.kind == Piece::Kind::Char) return c == piece.character;
  if (c == '/') return false;
  if (piece.kind == Piece::Kind::Any) return true;
  const auto byte = static_cast<unsigned char>(c);
  const bool inside = std::any_of(piece.ranges.begin(), piece.ranges.end(), [&](const auto& range) {
    return byte >= range.first && byte <= range.second;
  });
  return inside != piece.negated;
}

bool PathPattern::matches(std::string_view path) const {
  std::vector<bool> reached(path.size() + 1, false);
  reached[0] = true;
  for (const Piece& piece : pieces_) {
    std::vector<bool> after(path.size() + 1, false);
    bool any = false;
    for (std::size_t i = 0; i <= path.size(); ++i) {
      const bool star = piece.kind == Piece::Kind::Star;
      if (star || piece.kind == Piece::Kind::DoubleStar) {
        // Past a slash "*" does not reach; "**/" ends only after one, or where it began.
        if (star && i > 0 && path[i - 1] == '/') any = false;
        const bool begins = reached[i];
        any = any || begins;
        const bool may_end = piece.character != '/' || begins || (i > 0 && path[i - 1] == '/');
        after[i] = any && may_end;
      } else if (reached[i] && i < path.size() && fits(piece, path[i])) {
        after[i + 1] = true;
      }
    }
    reached.swap(after);
  }
  return reached[path.size()];
}

bool has_wildcards(std::string_view path) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '\\')
      ++i;
    else if (std::string_view("*?[").find(path[i]) != kNone)
      return true;
  }
  return false;
}

std::string clean_path(std::string_view path) {
  const bool rooted = path.starts_with('/');
  std::vector<std::string> parts;
  for (const std::string& part : base::split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (!parts.empty() && parts.back() != "..") {
      parts.pop_back();
    } else if (!rooted) {
      parts.push_back(part);
    }
  }
  const std::string joined = base::join(parts, "/");
  if (rooted) return "/" + joined;
  return joined.empty() ? "." : joined;
}

IgnoreList::IgnoreList(const std::vector<std::string>& patterns) {
  if (patterns.size() > kRuleLimit) {
    fail(Kind::InvalidArgument, "more than {} patterns in .dockerignore", kRuleLimit);
  }
  for (const std::string& given : patterns) {
    std::string_view text = base::trim(given);
    if (text.empty()) continue;
    const bool include = text.starts_with('!');
    if (include) text = base::trim(text.substr(1));
    if (text.empty()) fail(Kind::InvalidArgument, "illegal exclusion pattern: \"!\"");
    std::string clean = clean_path(text);
    while (clean.starts_with('/')) clean.erase(0, 1);
    rules_.push_back({PathPattern(clean), include, clean});
  }
}

IgnoreList IgnoreList::parse(std::string_view file) {
  if (file.starts_with("\xEF\xBB\xBF")) file.remove_prefix(3);
  std::vector<std::string> patterns;
  for (const std::string& line : base::split(file, '\n')) {
    if (line.starts_with('#')) continue;
    const std::string_view text = base::trim(line);
    if (!text.empty()) patterns.emplace_back(text);
  }
  return IgnoreList(patterns);
}

bool IgnoreList::excludes(std::string_view path) const {
  bool excluded = false;
  for (const Rule& rule : rules_) {
    if (rule.include != excluded) continue;
    bool fits = rule.pattern.matches(path);
    for (std::size_t slash = path.find('/'); !fits && slash != kNone;
         slash = path.find('/', slash + 1)) {
      fits = rule.pattern.matches(path.substr(0, slash));
    }
    if (fits) excluded = !rule.include;
  }
  return excluded;
}

bool IgnoreList::may_include_below(std::string_view) const {
  return std::any_of(rules_.begin(), rules_.end(), [](const Rule& rule) { return rule.include; });
}

}  // namespace wharf::dockerfile
