#include "registry/toml.h"

#include <charconv>

#include "base/error.h"
#include "base/strings.h"

namespace wharf::registry {
namespace {

using base::Json;
using base::JsonArray;
using base::JsonObject;

bool is_bare(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Json read() {
    JsonObject top;
    JsonObject* table = &top;
    for (skip_lines(); !ended(); skip_lines()) {
      if (take('[')) {
        if (peek() == '[') wrong("arrays of tables are not supported");
        table = &open(top, key());
        expect(']');
      } else {
        pair(*table);
      }
      end_of_line();
    }
    return top;
  }

 private:
  [[noreturn]] void wrong(std::string_view what) const {
    const auto line = std::count(text_.begin(), text_.begin() + static_cast<long>(at_), '\n') + 1;
    base::fail(base::Kind::InvalidArgument, "toml: line {}: {}", line, what);
  }

  bool ended() const { return at_ >= text_.size(); }
  char peek() const { return ended() ? '\0' : text_[at_]; }
  bool take(char c) {
    if (ended() || peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    skip_blanks();
    if (!take(c)) wrong(fmt::format("expected '{}'", c));
  }

  void skip_blanks() {
    while (peek() == ' ' || peek() == '\t') ++at_;
  }

  /// Blanks, ends of lines and comments.
  void skip_lines() {
    for (skip_blanks(); !ended(); skip_blanks()) {
      if (peek() == '#') skip_comment();
      if (!take('\n') && !take('\r')) return;
    }
  }

  void skip_comment() {
    while (!ended() && peek() != '\n') ++at_;
  }

  void end_of_line() {
    skip_blanks();
    if (peek() == '#') skip_comment();
    take('\r');
    if (!ended() && !take('\n')) wrong("expected the end of the line");
  }

  std::vector<std::string> key() {
    std::vector<std::string> parts;
    do {
      skip_blanks();
      if (peek() == '"' || peek() == '\'') {
        parts.push_back(string());
      } else {
        const std::size_t begin = at_;
        while (is_bare(peek())) ++at_;
        if (at_ == begin) wrong("expected a key");
        parts.emplace_back(text_.substr(begin, at_ - begin));
      }
      skip_blanks();
    } while (take('.'));
    if (parts.size() > kTomlDepthLimit) wrong("too deep");
    return parts;
  }

  JsonObject& open(JsonObject& from, const std::vector<std::string>& path) {
    JsonObject* at = &from;
    for (const std::string& name : path) {
      Json& next = (*at)[name];
      if (next.is_null()) next = JsonObject();
      if (!next.is_object()) wrong(base::quoted(name) + " is no table");
      at = &next.get_object();
    }
    return *at;
  }

  void pair(JsonObject& table) {
    std::vector<std::string> path = key();
    expect('=');
    const std::string name = std::move(path.back());
    path.pop_back();
    JsonObject& into = open(table, path);
    if (into.contains(name)) wrong(base::quoted(name) + " is given twice");
    Json read = value(0);
    into[name] = std::move(read);
  }

  Json value(int depth) {
    if (depth > kTomlDepthLimit) wrong("too deep");
    skip_blanks();
    if (peek() == '"' || peek() == '\'') return Json(std::string_view(string()));
    if (take('[')) return array(depth);
    if (take('{')) return table();
    const std::size_t begin = at_;
    while (is_bare(peek()) || peek() == '+' || peek() == '.' || peek() == ':') ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    if (word == "true" || word == "false") return word == "true";
    std::int64_t number = 0;
    const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (word.empty() || failed != std::errc() || end != word.data() + word.size())
      wrong("expected a value");
    return number;
  }

  Json array(int depth) {
    JsonArray out;
    for (skip_lines(); !take(']'); skip_lines()) {
      out.push_back(value(depth + 1));
      skip_lines();
      if (!take(',') && peek() != ']') wrong("expected ',' or ']'");
    }
    return out;
  }

  Json table() {
    if (++tables_ > kTomlDepthLimit) wrong("too deep");
    JsonObject out;
    skip_blanks();
    while (!take('}')) {
      pair(out);
      skip_blanks();
      if (!take(',') && peek() != '}') wrong("expected ',' or '}'");
      skip_blanks();
    }
    --tables_;
    return out;
  }

  std::string string() {
    const char quote = text_[at_++];
    if (peek() == quote && at_ + 1 < text_.size() && text_[at_ + 1] == quote)
      wrong("strings of several lines are not supported");
    std::string out;
    while (!take(quote)) {
      if (ended() || peek() == '\n') wrong("a string without its end");
      if (quote == '"' && take('\\')) {
        out += escaped();
      } else {
        out += text_[at_++];
      }
    }
    return out;
  }

  char escaped() {
    constexpr std::string_view kNames = "\"\\btnfr";
    constexpr std::string_view kMeanings = "\"\\\b\t\n\f\r";
    const std::size_t found = ended() ? std::string_view::npos : kNames.find(text_[at_]);
    if (found == std::string_view::npos) wrong("an escape that is not supported");
    ++at_;
    return kMeanings[found];
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int tables_ = 0;  ///< Inline ones that are open.
};

}  // namespace

base::Json parse_toml(std::string_view text) {
  if (text.size() > kTomlLimit)
    base::fail(base::Kind::InvalidArgument, "toml: more than {} bytes", kTomlLimit);
  return Reader(text).read();
}

}  // namespace wharf::registry
