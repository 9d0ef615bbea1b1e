// JSON text to values and back, with the rules of Docker's Go decoder.
//
// Boost.JSON holds the values. parse() adds what Docker's clients rely on: the
// error texts of encoding/json where they are compared, a bounded depth, and an
// error for a second spelling of one key (threats: "JSON keys"). Keys are found in
// any case. Values are plain and movable; nothing here is shared between threads.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

namespace wharf::base {

using Json = boost::json::value;
using JsonObject = boost::json::object;
using JsonArray = boost::json::array;

inline constexpr std::size_t kJsonDepth = 64;

/// Parses one value with nothing after it. Throws InvalidArgument with Go's words:
/// "unexpected EOF", "invalid character 'x' looking for ...", "exceeded max depth".
Json parse_json(std::string_view text);

/// The same of a document that a stranger gave: the error begins with what it is, "WHAT: EOF".
Json parse_json(std::string_view text, std::string_view what);

/// The text, without HTML escaping and without a trailing line feed.
std::string to_text(const Json& value);

/// The member called `key` in any case (exact spelling first), or nullptr.
const Json* find(const JsonObject& object, std::string_view key);

/// The text of a string member; empty where it is absent or not a string.
std::string_view text_at(const JsonObject& object, std::string_view key);

}  // namespace wharf::base
