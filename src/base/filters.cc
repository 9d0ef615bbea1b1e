#include "base/filters.h"

#include <regex>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"

namespace wharf::base {
namespace {

[[noreturn]] void refuse() {
  fail(Kind::InvalidArgument, "invalid filter");
}

/// {"a":true} or ["a"].
std::map<std::string, bool> values_of(const Json& json) {
  std::map<std::string, bool> values;
  if (json.is_null()) return values;
  if (const JsonArray* list = json.if_array()) {
    for (const Json& value : *list) {
      if (!value.is_string()) refuse();
      values[std::string(value.get_string())] = true;
    }
    return values;
  }
  if (!json.is_object()) refuse();
  for (const auto& [value, given] : json.get_object()) {
    if (!given.is_bool()) refuse();
    // Docker: the boolean is not looked at; {"a":false} asks for "a" as well.
    values[std::string(value)] = true;
  }
  return values;
}

}  // namespace

Filters Filters::parse(std::string_view text) {
  Filters filters;
  if (text.empty()) return filters;
  Json json;
  try {
    json = parse_json(text);
  } catch (const Error&) {
    refuse();
  }
  if (json.is_null()) return filters;
  if (!json.is_object()) refuse();
  for (const auto& [key, values] : json.get_object())
    filters.values_[std::string(key)] = values_of(values);
  return filters;
}

void Filters::require_known(std::initializer_list<std::string_view> known) const {
  for (const auto& [key, values] : values_) {
    if (std::ranges::find(known, key) == known.end())
      fail(Kind::InvalidArgument, "invalid filter '{}'", key);
  }
}

std::vector<std::string> Filters::get(std::string_view key) const {
  std::vector<std::string> found;
  const auto values = values_.find(std::string(key));
  if (values == values_.end()) return found;
  for (const auto& [value, given] : values->second) found.push_back(value);
  return found;
}

bool Filters::exact(std::string_view key, std::string_view value) const {
  const auto values = values_.find(std::string(key));
  if (values == values_.end() || values->second.empty()) return true;
  return values->second.contains(std::string(value));
}

bool Filters::prefix(std::string_view key, std::string_view value) const {
  if (exact(key, value)) return true;
  return std::ranges::any_of(get(key),
                             [&](const std::string& wanted) { return value.starts_with(wanted); });
}

bool Filters::matches(std::string_view key, std::string_view value) const {
  if (exact(key, value)) return true;
  return std::ranges::any_of(get(key), [&](const std::string& wanted) {
    try {
      return std::regex_search(std::string(value), std::regex(wanted));
    } catch (const std::regex_error&) {
      return false;
    }
  });
}

std::optional<Time> Filters::until(Time now) const {
  const std::vector<std::string> values = get("until");
  if (values.size() > 1) fail(Kind::InvalidArgument, "more than one until filter specified");
  if (values.empty()) return std::nullopt;
  try {
    return Time{now.unix_ns - parse_duration_ns(values[0])};
  } catch (const Error&) {
    // Not a duration.
  }
  try {
    return parse_time_parameter(values[0]);
  } catch (const Error&) {
    fail(Kind::InvalidArgument,
         "invalid value for 'until' filter: failed to parse value as time or duration: invalid "
         "seconds {}: invalid syntax",
         quoted(values[0]));
  }
}

bool Filters::labels(std::string_view key, const Labels& labels) const {
  return std::ranges::all_of(get(key), [&](const std::string& wanted) {
    const std::size_t equals = wanted.find('=');
    const auto found = labels.find(wanted.substr(0, equals));
    if (found == labels.end()) return false;
    return equals == std::string::npos || found->second == wanted.substr(equals + 1);
  });
}

bool Filters::boolean(std::string_view key, bool otherwise) const {
  const auto values = values_.find(std::string(key));
  if (values == values_.end() || values->second.empty()) return otherwise;
  const bool yes = values->second.contains("1") || values->second.contains("true");
  const bool no = values->second.contains("0") || values->second.contains("false");
  if (yes == no) {
    fail(Kind::InvalidArgument, "invalid filter '{}=[{}]'", key, join(get(key), " "));
  }
  return yes;
}

std::string Filters::text() const {
  if (values_.empty()) return {};
  JsonObject object;
  for (const auto& [key, values] : values_) {
    JsonObject given;
    for (const auto& [value, is_given] : values) given.emplace(value, is_given);
    object.emplace(key, std::move(given));
  }
  return to_text(object);
}

}  // namespace wharf::base
