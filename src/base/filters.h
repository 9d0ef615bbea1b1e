// The `filters` parameter of Docker's lists, prunes and events.
//
//   {"label":{"a=b":true},"status":{"running":true}}     the map form
//   {"label":["a=b"],"status":["running"]}                the older form, also accepted
//
// Values of one key are alternatives; of `label` all must hold. Plain values.
#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace wharf::base {

class Filters {
 public:
  using Labels = std::map<std::string, std::string>;

  /// Reads the parameter; empty text is no filter. Throws InvalidArgument "invalid filter".
  static Filters parse(std::string_view text);

  /// Throws InvalidArgument "invalid filter 'x'" for the first key that is not in `known`.
  void require_known(std::initializer_list<std::string_view> known) const;

  bool empty() const { return values_.empty(); }
  bool contains(std::string_view key) const { return values_.contains(std::string(key)); }

  /// The values given for `key`, sorted; empty when it was not given.
  std::vector<std::string> get(std::string_view key) const;

  void add(const std::string& key, const std::string& value) { values_[key][value] = true; }

  /// True when `key` was not given, or `value` is one of its values.
  bool exact(std::string_view key, std::string_view value) const;

  /// As exact(), but one of the values may also be a prefix of `value`.
  bool prefix(std::string_view key, std::string_view value) const;

  /// As exact(), with a value that is a regular expression found anywhere in `value`, or equal.
  bool matches(std::string_view key, std::string_view value) const;

  /// True when every "k" or "k=v" given for `key` holds for `labels` (Docker: MatchKVList).
  bool labels(std::string_view key, const Labels& labels) const;

  /// The one boolean value of `key`, or `otherwise` when not given: "1" and "true" against
  /// "0" and "false". Throws InvalidArgument "invalid filter 'dangling=[x]'".
  bool boolean(std::string_view key, bool otherwise) const;

  /// The one value of "until": a duration counts back from `now`; else RFC 3339 or Unix seconds.
  /// Throws InvalidArgument with Docker's texts.
  std::optional<Time> until(Time now) const;

  /// The map form, as a client sends it; "" when empty.
  std::string text() const;

 private:
  std::map<std::string, std::map<std::string, bool>> values_;
};

}  // namespace wharf::base
