#include "base/json_tree.h"

#include <cstddef>

namespace wharf::base {
namespace {

constexpr JsonNode kAbsent;

bool is_space(char letter) {
  return letter == ' ' || letter == '\t' || letter == '\n' || letter == '\r';
}
bool is_digit(char letter) {
  return letter >= '0' && letter <= '9';
}

int hex_value(char letter) {
  if (is_digit(letter)) return letter - '0';
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  if (letter >= 'A' && letter <= 'F') return letter - 'A' + 10;
  return -1;
}

class Parser {
 public:
  Parser(Arena& arena, std::span<char> text, Failure& failure)
      : arena_(arena), text_(text), failure_(failure) {}

  const JsonNode* document() {
    JsonNode* root = value(0);
    if (root == nullptr) return nullptr;
    skip_space();
    if (at_ < text_.size()) return refuse("text after the value");
    return root;
  }

 private:
  JsonNode* refuse(const char* reason) {
    (void)failure_.because("JSON: ", reason, " at byte ", at_);
    return nullptr;
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  bool take(std::string_view word) {
    if (std::string_view(text_.data() + at_, text_.size() - at_).starts_with(word)) {
      at_ += word.size();
      return true;
    }
    return false;
  }

  JsonNode* node(JsonNode::Kind kind) {
    JsonNode* made = arena_.make<JsonNode>();
    if (made == nullptr) return refuse("too large");
    made->kind = kind;
    return made;
  }

  JsonNode* value(int depth) {
    if (depth > kMaxJsonTreeDepth) return refuse("too deep");
    skip_space();
    const char letter = peek();
    if (letter == '{') return members(depth);
    if (letter == '[') return elements(depth);
    if (letter == '"') {
      JsonNode* made = node(JsonNode::Kind::String);
      return made != nullptr && string(made->text) ? made : nullptr;
    }
    if (letter == '-' || is_digit(letter)) return number();
    if (take("null")) return node(JsonNode::Kind::Null);
    const bool yes = take("true");
    if (!yes && !take("false")) return refuse("no value");
    JsonNode* made = node(JsonNode::Kind::Bool);
    if (made != nullptr) made->boolean = yes;
    return made;
  }

  JsonNode* elements(int depth) {
    JsonNode* array = node(JsonNode::Kind::Array);
    if (array == nullptr) return nullptr;
    ++at_;
    skip_space();
    if (take("]")) return array;
    const JsonNode** link = &array->first;
    while (true) {
      JsonNode* element = value(depth + 1);
      if (element == nullptr) return nullptr;
      *link = element;
      link = &element->next;
      ++array->count;
      skip_space();
      if (take("]")) return array;
      if (!take(",")) return refuse("no comma or bracket");
    }
  }

  JsonNode* members(int depth) {
    JsonNode* object = node(JsonNode::Kind::Object);
    if (object == nullptr) return nullptr;
    ++at_;
    skip_space();
    if (take("}")) return object;
    const JsonNode** link = &object->first;
    while (true) {
      JsonNode* member = one_member(depth);
      if (member == nullptr) return nullptr;
      *link = member;
      link = &member->next;
      ++object->count;
      skip_space();
      if (take("}")) return object;
      if (!take(",")) return refuse("no comma or brace");
    }
  }

  JsonNode* one_member(int depth) {
    std::string_view key;
    skip_space();
    if (peek() != '"') return refuse("no name");
    if (!string(key)) return nullptr;
    skip_space();
    if (!take(":")) return refuse("no colon");
    JsonNode* member = value(depth + 1);
    if (member != nullptr) member->key = key;
    return member;
  }

  JsonNode* number() {
    const std::size_t start = at_;
    if (peek() == '-') ++at_;
    if (peek() == '0') {
      ++at_;
    } else if (!digits()) {
      return refuse("bad number");
    }
    if (peek() == '.') {
      ++at_;
      if (!digits()) return refuse("bad number");
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (!digits()) return refuse("bad number");
    }
    JsonNode* made = node(JsonNode::Kind::Number);
    if (made != nullptr) made->text = {text_.data() + start, at_ - start};
    return made;
  }
  bool digits() {
    const std::size_t start = at_;
    while (is_digit(peek())) ++at_;
    return at_ > start;
  }

  /// Reads the string at `at_`. Unescaped text is never longer than its escapes, so it is
  /// written over them, and the closing quote's byte becomes the NUL.
  bool string(std::string_view& into) {
    ++at_;
    char* const start = text_.data() + at_;
    char* out = start;
    while (at_ < text_.size()) {
      const char letter = text_[at_++];
      if (letter == '"') {
        *out = '\0';
        into = {start, static_cast<std::size_t>(out - start)};
        return true;
      }
      if (static_cast<unsigned char>(letter) < 0x20) break;
      if (letter != '\\') {
        *out++ = letter;
      } else if (!escape(out)) {
        return false;
      }
    }
    return refuse("bad string") != nullptr;
  }

  bool escape(char*& out) {
    const char letter = peek();
    ++at_;
    switch (letter) {
      case '"':
      case '\\':
      case '/':
        *out++ = letter;
        return true;
      case 'b':
        *out++ = '\b';
        return true;
      case 'f':
        *out++ = '\f';
        return true;
      case 'n':
        *out++ = '\n';
        return true;
      case 'r':
        *out++ = '\r';
        return true;
      case 't':
        *out++ = '\t';
        return true;
      case 'u':
        return code_point(out);
      default:
        return refuse("bad escape") != nullptr;
    }
  }

  bool four_digits(unsigned& code) {
    code = 0;
    for (int i = 0; i < 4; ++i) {
      const int digit = hex_value(peek());
      if (digit < 0) return refuse("bad escape") != nullptr;
      code = code << 4 | static_cast<unsigned>(digit);
      ++at_;
    }
    return true;
  }

  bool code_point(char*& out) {
    unsigned code = 0;
    if (!four_digits(code)) return false;
    if (code == 0) return refuse("NUL in a string") != nullptr;
    if (code >= 0xd800 && code < 0xdc00 && take("\\u")) {
      unsigned low = 0;
      if (!four_digits(low)) return false;
      if (low < 0xdc00 || low >= 0xe000) return refuse("half a surrogate pair") != nullptr;
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xd800 && code < 0xe000) {
      code = 0xfffd;  // Go: a lone surrogate becomes the replacement character
    }
    put_utf8(code, out);
    return true;
  }

  static void put_utf8(unsigned code, char*& out) {
    if (code < 0x80) {
      *out++ = static_cast<char>(code);
      return;
    }
    int follow = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    constexpr unsigned kLead[] = {0, 0xc0, 0xe0, 0xf0};
    *out++ = static_cast<char>(kLead[follow] | code >> (6 * follow));
    while (follow-- > 0) *out++ = static_cast<char>(0x80 | (code >> (6 * follow) & 0x3f));
  }

  Arena& arena_;
  std::span<char> text_;
  Failure& failure_;
  std::size_t at_ = 0;
};

}  // namespace

const JsonNode& JsonNode::operator[](std::string_view name) const {
  const JsonNode* found = &kAbsent;
  if (kind != Kind::Object) return *found;
  for (const JsonNode& member : *this) {
    if (member.key == name) found = &member;
  }
  return *found;
}

const JsonNode* parse_json(Arena& arena, std::span<char> text, Failure& failure) {
  return Parser(arena, text, failure).document();
}

}  // namespace wharf::base
