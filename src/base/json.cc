#include "base/json.h"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <set>
#include <vector>

#include "base/error.h"
#include "base/fields.h"
#include "base/strings.h"

namespace wharf::base {
namespace {

using boost::json::error_code;

/// Builds the value and watches for a second spelling of one key.
class Builder {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  bool on_document_begin(error_code&) {
    stack.reset();
    return true;
  }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) {
    keys.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t n, error_code&) {
    stack.push_object(n);
    keys.pop_back();
    return true;
  }
  bool on_array_begin(error_code&) { return true; }
  bool on_array_end(std::size_t n, error_code&) {
    stack.push_array(n);
    return true;
  }
  bool on_key_part(boost::json::string_view part, std::size_t, error_code&) {
    key.append(part.data(), part.size());
    stack.push_chars(part);
    return true;
  }
  bool on_key(boost::json::string_view part, std::size_t, error_code& failed) {
    key.append(part.data(), part.size());
    stack.push_key(part);
    if (!keys.back().insert(lower(key)).second) {
      duplicate = key;
      failed = boost::json::error::syntax;
      return false;
    }
    key.clear();
    return true;
  }
  bool on_string_part(boost::json::string_view part, std::size_t, error_code&) {
    stack.push_chars(part);
    return true;
  }
  bool on_string(boost::json::string_view part, std::size_t, error_code&) {
    stack.push_string(part);
    return true;
  }
  bool on_number_part(boost::json::string_view, error_code&) { return true; }
  bool on_int64(std::int64_t i, boost::json::string_view, error_code&) {
    stack.push_int64(i);
    return true;
  }
  bool on_uint64(std::uint64_t u, boost::json::string_view, error_code&) {
    stack.push_uint64(u);
    return true;
  }
  bool on_double(double d, boost::json::string_view, error_code&) {
    stack.push_double(d);
    return true;
  }
  bool on_bool(bool b, error_code&) {
    stack.push_bool(b);
    return true;
  }
  bool on_null(error_code&) {
    stack.push_null();
    return true;
  }
  bool on_comment_part(boost::json::string_view, error_code&) { return true; }
  bool on_comment(boost::json::string_view, error_code&) { return true; }

  boost::json::value_stack stack;
  std::string key;
  std::string duplicate;
  std::vector<std::set<std::string>> keys;
};

std::string quoted(char c) {
  if (c == '\'') return R"('\'')";
  const auto byte = static_cast<unsigned char>(c);
  if (byte < 0x20 || byte >= 0x7f) return fmt::format("'\\x{:02x}'", byte);
  return fmt::format("'{}'", c);
}

[[noreturn]] void fail_at(std::string_view text, std::size_t at, error_code failed,
                          const Builder& builder) {
  if (!builder.duplicate.empty())
    fail(Kind::InvalidArgument, "duplicate key \"{}\"", builder.duplicate);
  if (at >= text.size() || failed == boost::json::error::incomplete) {
    const bool blank = text.find_first_not_of(" \t\r\n") == std::string_view::npos;
    fail(Kind::InvalidArgument, "{}", blank ? "EOF" : "unexpected EOF");
  }
  const std::string character = quoted(text[at]);
  if (failed == boost::json::error::too_deep) {
    fail(Kind::InvalidArgument, "invalid character {} exceeded max depth", character);
  }
  // The parser does not say what it wanted; the bytes before the place do.
  std::size_t before = at;
  while (before > 0 && std::string_view(" \t\r\n").find(text[before - 1]) != std::string_view::npos)
    --before;
  const char previous = before == 0 ? '\0' : text[before - 1];
  const char* wanted = "looking for beginning of value";
  if (previous == '{') wanted = "looking for beginning of object key string";
  if (previous == '"') wanted = "after top-level value";
  fail(Kind::InvalidArgument, "invalid character {} {}", character, wanted);
}

}  // namespace

Json parse_json(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = kJsonDepth;
  boost::json::basic_parser<Builder> parser(options);
  error_code failed;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), failed);
  if (failed) fail_at(text, used, failed, parser.handler());
  if (text.find_first_not_of(" \t\r\n", used) != std::string_view::npos) {
    fail(Kind::InvalidArgument, "unexpected content after JSON");
  }
  return parser.handler().stack.release();
}

Json parse_json(std::string_view text, std::string_view what) {
  try {
    return parse_json(text);
  } catch (const Error& error) {
    fail(Kind::InvalidArgument, "{}: {}", what, error.what());
  }
}

std::string to_text(const Json& value) {
  return boost::json::serialize(value);
}

const Json* find(const JsonObject& object, std::string_view key) {
  if (const Json* exact = object.if_contains(key)) return exact;
  for (const auto& [name, value] : object) {
    if (equal_fold(name, key)) return &value;
  }
  return nullptr;
}

std::string_view text_at(const JsonObject& object, std::string_view key) {
  const Json* value = find(object, key);
  if (!value || !value->is_string()) return {};
  return value->get_string();
}

const char* go_kind(const Json& value) {
  switch (value.kind()) {
    case boost::json::kind::array:
      return "array";
    case boost::json::kind::object:
      return "object";
    case boost::json::kind::string:
      return "string";
    case boost::json::kind::bool_:
      return "bool";
    case boost::json::kind::null:
      return "null";
    default:
      return "number";
  }
}

void wrong_type(const Json& value, const std::string& path, const char* wanted) {
  if (path.empty())
    fail(Kind::InvalidArgument, "json: cannot unmarshal {} into Go value of type {}",
         go_kind(value), wanted);
  fail(Kind::InvalidArgument, "json: cannot unmarshal {} into Go struct field {} of type {}",
       go_kind(value), path, wanted);
}

}  // namespace wharf::base
