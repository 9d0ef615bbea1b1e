// Header fields of one HTTP message, in the order they came, and its query parameters.
// Plain values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wharf::http {

class Headers {
 public:
  void add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }

  /// Replaces every field of that name.
  void set(std::string_view name, std::string value);

  /// The first value of that name in any case; "" when absent.
  std::string_view get(std::string_view name) const;
  bool contains(std::string_view name) const;

  /// True when the comma-separated list in `name` has `token` in any case.
  bool has_token(std::string_view name, std::string_view token) const;

  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }
  std::size_t size() const { return fields_.size(); }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

/// "%41" is "A"; in a query "+" is a space. Nothing when an escape is broken.
enum class Escapes { Path, Query };
std::optional<std::string> unescape(std::string_view text, Escapes kind);

/// Everything but unreserved characters as "%XX".
std::string escape(std::string_view text);

/// "a=1&b=2&a=3", decoded, as Go's url.ParseQuery reads it.
class Query {
 public:
  /// Throws InvalidArgument: `invalid URL escape "%zz"`, `invalid semicolon separator in query`.
  static Query parse(std::string_view text);

  bool contains(std::string_view key) const;

  /// The first value; "" when absent.
  const std::string& get(std::string_view key) const;
  std::vector<std::string> all(std::string_view key) const;

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

}  // namespace wharf::http
