#include "http/headers.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"

namespace wharf::http {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool broken_escape(std::string_view text, std::size_t at) {
  return at + 2 >= text.size() || hex_value(text[at + 1]) < 0 || hex_value(text[at + 2]) < 0;
}

std::string query_text(std::string_view text) {
  std::optional<std::string> decoded = unescape(text, Escapes::Query);
  if (decoded) return std::move(*decoded);
  std::size_t at = text.find('%');
  while (!broken_escape(text, at)) at = text.find('%', at + 1);
  base::fail(base::Kind::InvalidArgument, "invalid URL escape {}",
             base::quoted(text.substr(at, 3)));
}

}  // namespace

void Headers::set(std::string_view name, std::string value) {
  std::erase_if(fields_, [&](const auto& field) { return base::equal_fold(field.first, name); });
  fields_.emplace_back(std::string(name), std::move(value));
}

std::string_view Headers::get(std::string_view name) const {
  for (const auto& [key, value] : fields_) {
    if (base::equal_fold(key, name)) return value;
  }
  return {};
}

bool Headers::contains(std::string_view name) const {
  return std::ranges::any_of(
      fields_, [&](const auto& field) { return base::equal_fold(field.first, name); });
}

bool Headers::has_token(std::string_view name, std::string_view token) const {
  for (const auto& [key, value] : fields_) {
    if (!base::equal_fold(key, name)) continue;
    for (const std::string& part : base::split(value, ',')) {
      if (base::equal_fold(base::trim(part), token)) return true;
    }
  }
  return false;
}

std::optional<std::string> unescape(std::string_view text, Escapes kind) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '+' && kind == Escapes::Query) {
      decoded += ' ';
    } else if (text[at] != '%') {
      decoded += text[at];
    } else {
      if (broken_escape(text, at)) return std::nullopt;
      decoded += static_cast<char>(hex_value(text[at + 1]) * 16 + hex_value(text[at + 2]));
      at += 2;
    }
  }
  return decoded;
}

std::string escape(std::string_view text) {
  constexpr std::string_view kUnreserved = "-_.~";
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       kUnreserved.find(c) != std::string_view::npos;
    if (plain) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

Query Query::parse(std::string_view text) {
  Query query;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(pair.size() + 1, text.size()));
    if (pair.empty()) continue;
    if (pair.find(';') != std::string_view::npos) {
      base::fail(base::Kind::InvalidArgument, "invalid semicolon separator in query");
    }
    const std::size_t equals = pair.find('=');
    std::string key = query_text(pair.substr(0, equals));
    std::string value =
        equals == std::string_view::npos ? std::string() : query_text(pair.substr(equals + 1));
    query.values_.emplace_back(std::move(key), std::move(value));
  }
  return query;
}

bool Query::contains(std::string_view key) const {
  return std::ranges::any_of(values_, [&](const auto& pair) { return pair.first == key; });
}

const std::string& Query::get(std::string_view key) const {
  static const std::string nothing;
  for (const auto& [name, value] : values_) {
    if (name == key) return value;
  }
  return nothing;
}

std::vector<std::string> Query::all(std::string_view key) const {
  std::vector<std::string> found;
  for (const auto& [name, value] : values_) {
    if (name == key) found.push_back(value);
  }
  return found;
}

}  // namespace wharf::http
