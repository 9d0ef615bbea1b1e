#include "dockerfile/flags.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"

namespace wharf::dockerfile {
namespace {

using base::fail;
using base::Kind;

/// How many characters must be changed, added or removed (Levenshtein).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string suggestion(std::string_view given, const std::vector<std::string>& known) {
  constexpr std::size_t kNear = 3;
  constexpr std::size_t kLongest = 64;
  if (given.size() > kLongest) return "";
  const std::string lower = base::lower(given);
  std::size_t best = kNear;
  const std::string* found = nullptr;
  for (const std::string& one : known) {
    const std::size_t here = distance(lower, base::lower(one));
    if (here == 0 || here >= best) continue;
    best = here;
    found = &one;
  }
  return found ? fmt::format(" (did you mean {}?)", *found) : "";
}

Flags::Flags(const std::vector<std::string>& given,
             const std::map<std::string, FlagKind, std::less<>>& known) {
  for (const std::string& flag : given) add(flag, known);
}

void Flags::add(const std::string& flag,
                const std::map<std::string, FlagKind, std::less<>>& known) {
  const std::size_t equals = flag.find('=');
  const bool has_value = equals != std::string::npos;
  const std::string name = flag.substr(2, has_value ? equals - 2 : std::string::npos);
  std::string value = has_value ? flag.substr(equals + 1) : "";
  const auto found = known.find(name);
  if (found == known.end()) {
    std::vector<std::string> names;
    for (const auto& [one, kind] : known) names.push_back(one);
    fail(Kind::InvalidArgument, "unknown flag: {}{}", name, suggestion(name, names));
  }
  std::vector<std::string>& values = values_[name];
  if (!values.empty() && found->second != FlagKind::Texts) {
    fail(Kind::InvalidArgument, "duplicate flag specified: {}", name);
  }
  if (found->second == FlagKind::Boolean) {
    if (has_value && value.empty())
      fail(Kind::InvalidArgument, "missing a value on flag: {}", name);
    const std::string lower = has_value ? base::lower(value) : "true";
    if (lower != "true" && lower != "false") {
      fail(Kind::InvalidArgument, "expecting boolean value for flag {}, not: {}", name, value);
    }
    value = lower;
  } else if (!has_value) {
    fail(Kind::InvalidArgument, "missing a value on flag: {}", name);
  }
  values.push_back(std::move(value));
  if (std::find(used_.begin(), used_.end(), name) == used_.end()) used_.push_back(name);
}

std::string Flags::text(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? "" : found->second.front();
}

std::vector<std::string> Flags::texts(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

bool Flags::has(std::string_view name) const {
  return values_.find(name) != values_.end();
}

}  // namespace wharf::dockerfile
