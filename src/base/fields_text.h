// Structs to JSON text at once, where a list of a thousand would be as many trees of values.
//
// append_text() writes what to_text(to_json(value)) of fields.h would: the same members, omitted
// by the same rules. Any thread.
#pragma once

#include <charconv>
#include <string>
#include <string_view>

#include "base/fields.h"

namespace wharf::base {

/// `text` in quotes, escaped as RFC 8259 asks for.
void append_quoted(std::string& out, std::string_view text);

template <class T>
void append_text(std::string& out, const T& value);

namespace fields {

/// Writes '{' or ',' before each member.
class Members {
 public:
  explicit Members(std::string& out) : out_(out) { out_ += '{'; }
  ~Members() { out_ += '}'; }
  Members(const Members&) = delete;

  template <class T>
  void add(std::string_view name, const T& value) {
    if (!std::exchange(first_, false)) out_ += ',';
    append_quoted(out_, name);
    out_ += ':';
    append_text(out_, value);
  }

 private:
  std::string& out_;
  bool first_ = true;
};

}  // namespace fields

template <class T>
void append_text(std::string& out, const T& value) {
  if constexpr (std::is_same_v<T, Json>) {
    out += to_text(value);
  } else if constexpr (HasFields<T>) {
    fields::Members members(out);
    const auto one = [&](const auto& f) {
      const auto& member = value.*(f.member);
      if (f.omit == Omit::Empty && fields::is_empty(member)) return;
      members.add(f.name, member);
    };
    std::apply([&](const auto&... each) { (one(each), ...); }, Fields<T>::table);
  } else if constexpr (fields::IsOptional<T>::value) {
    value ? append_text(out, *value) : void(out += "null");
  } else if constexpr (fields::IsVector<T>::value) {
    out += '[';
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (i != 0) out += ',';
      append_text(out, value[i]);
    }
    out += ']';
  } else if constexpr (fields::IsMap<T>::value) {
    fields::Members members(out);
    for (const auto& [key, element] : value) members.add(key, element);
  } else if constexpr (std::is_same_v<T, std::string>) {
    append_quoted(out, value);
  } else if constexpr (std::is_same_v<T, bool>) {
    out += value ? "true" : "false";
  } else if constexpr (std::is_integral_v<T>) {
    char digits[24];
    const auto [end, error] = std::to_chars(std::begin(digits), std::end(digits), value);
    out.append(digits, static_cast<std::size_t>(end - digits));
  } else {
    out += to_text(Json(value));
  }
}

}  // namespace wharf::base
