// Reads template text into nodes. The lexer works inside one action at a time.
#include <charconv>

#include "base/strings.h"
#include "cli/template.h"
#include "cli/template_nodes.h"

namespace wharf::cli::templates {
namespace {

struct Token {
  enum class Kind { End, Dot, Field, Variable, Word, Literal, Mark } kind = Kind::End;
  std::string text;
  base::Json literal;
  std::size_t at = 0;
  bool spaced = false;  ///< White space stood before it.
};

bool word_start(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80);
}
bool word_part(char c) {
  return word_start(c) || std::isdigit(static_cast<unsigned char>(c));
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Node parse() {
    Node root;
    const std::string end = read_list(root.children);
    if (!end.empty()) fail(fmt::format("unexpected {{{{{}}}}}", end));
    return root;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw TemplateError(fmt::format("template: :{}: {}", line(), why));
  }

  std::size_t line() const {
    return 1 + static_cast<std::size_t>(std::count(
                   text_.begin(),
                   text_.begin() + static_cast<std::ptrdiff_t>(std::min(at_, text_.size())), '\n'));
  }

  /// Reads until {{end}} or {{else ...}} of the caller, which is returned ("" at the end of text).
  std::string read_list(std::vector<Node>& into) {
    while (at_ < text_.size()) {
      const std::size_t open = text_.find("{{", at_);
      add_text(into, text_.substr(at_, open - at_), open);
      if (open == std::string_view::npos) {
        at_ = text_.size();
        break;
      }
      at_ = open + 2;
      if (trim_mark_here()) at_ += 1;
      if (skip_comment()) continue;
      next();
      if (token_.kind == Token::Kind::Word && (token_.text == "end" || token_.text == "else")) {
        return token_.text;
      }
      into.push_back(read_action());
    }
    return {};
  }

  bool trim_mark_here() const {
    return at_ + 1 < text_.size() && text_[at_] == '-' &&
           std::isspace(static_cast<unsigned char>(text_[at_ + 1]));
  }

  void add_text(std::vector<Node>& into, std::string_view text, std::size_t open) {
    std::string kept(text);
    if (trim_left_) kept.erase(0, std::min(kept.find_first_not_of(" \t\r\n"), kept.size()));
    trim_left_ = false;
    if (open != std::string_view::npos && open + 3 < text_.size() && text_[open + 2] == '-' &&
        std::isspace(static_cast<unsigned char>(text_[open + 3]))) {
      kept.erase(kept.find_last_not_of(" \t\r\n") + 1);
    }
    if (!kept.empty()) into.push_back({.kind = Node::Kind::Text, .text = kept});
  }

  bool skip_comment() {
    const std::size_t start = text_.find_first_not_of(" \t\r\n", at_);
    if (start == std::string_view::npos || text_.substr(start, 2) != "/*") return false;
    const std::size_t end = text_.find("*/", start + 2);
    if (end == std::string_view::npos) fail("unclosed comment");
    at_ = end + 2;
    next();
    if (token_.kind != Token::Kind::End) fail("comment ends before closing delimiter");
    return true;
  }

  Node read_action() {
    if (token_.kind == Token::Kind::Word) {
      if (token_.text == "if") return read_branch(Node::Kind::If);
      if (token_.text == "range") return read_branch(Node::Kind::Range);
      if (token_.text == "with") return read_branch(Node::Kind::With);
      if (token_.text == "break" || token_.text == "continue") {
        const bool is_break = token_.text == "break";
        if (loops_ == 0) fail(fmt::format("{{{{{}}}}} outside {{{{range}}}}", token_.text));
        next();
        return {.kind = is_break ? Node::Kind::Break : Node::Kind::Continue};
      }
    }
    Node node{.kind = Node::Kind::Action};
    node.pipeline = read_pipeline(false);
    return node;
  }

  Node read_branch(Node::Kind kind) {
    static constexpr std::array<const char*, 3> kNames = {"if", "range", "with"};
    Node node{.kind = kind};
    next();
    if (token_.kind == Token::Kind::End) {
      fail(fmt::format(
          "missing value for {}",
          kNames[static_cast<std::size_t>(kind) - static_cast<std::size_t>(Node::Kind::If)]));
    }
    node.pipeline = read_pipeline(false);
    loops_ += kind == Node::Kind::Range;
    std::string end = read_list(node.children);
    loops_ -= kind == Node::Kind::Range;
    if (end == "else") {
      next();
      if (token_.kind == Token::Kind::Word && (token_.text == "if" || token_.text == "with")) {
        node.otherwise.push_back(
            read_branch(token_.text == "if" ? Node::Kind::If : Node::Kind::With));
        return node;  // {{end}} closes both.
      }
      expect_end("else");
      end = read_list(node.otherwise);
      if (end == "else") fail("expected end; found {{else}}");
    }
    if (end.empty()) fail("unexpected EOF");
    next();
    expect_end("end");
    return node;
  }

  void expect_end(const char* where) {
    if (token_.kind != Token::Kind::End) {
      fail(fmt::format("unexpected {} in {}", base::quoted(token_.text), where));
    }
  }

  /// From the token read last, until the action's end or, when nested, the closing parenthesis.
  Pipeline read_pipeline(bool nested) {
    Pipeline pipeline;
    read_declaration(pipeline);
    while (true) {
      pipeline.calls.push_back(read_call());
      if (is_mark("|")) {
        next();
        continue;
      }
      const bool closed = nested ? is_mark(")") : token_.kind == Token::Kind::End;
      if (!closed && token_.kind == Token::Kind::End) fail("unclosed left paren");
      if (!closed) fail(fmt::format("unexpected {} in operand", base::quoted(token_.text)));
      return pipeline;
    }
  }

  void read_declaration(Pipeline& pipeline) {
    const std::size_t start = at_;
    const Token first = token_;
    if (first.kind != Token::Kind::Variable) return;
    std::vector<std::string> names;
    while (token_.kind == Token::Kind::Variable) {
      names.push_back(token_.text);
      next();
      if (is_mark(",")) next();
    }
    if (is_mark(":=") || is_mark("=")) {
      pipeline.declares = is_mark(":=");
      pipeline.variables = std::move(names);
      next();
      return;
    }
    at_ = start;
    token_ = first;
  }

  Call read_call() {
    Call call;
    while (true) {
      if (token_.kind == Token::Kind::End || is_mark("|") || is_mark(")")) break;
      call.operands.push_back(read_operand());
    }
    if (call.operands.empty()) {
      if (token_.kind == Token::Kind::End) fail("missing value for command");
      fail(fmt::format("missing value for command"));
    }
    return call;
  }

  Operand read_operand() {
    Operand operand;
    operand.line = line();
    const std::size_t start = token_.at;
    const std::size_t line_start = text_.rfind('\n', start);
    operand.column = line_start == std::string_view::npos ? start : start - line_start - 1;
    switch (token_.kind) {
      case Token::Kind::Literal:
        operand.kind = Operand::Kind::Literal;
        operand.literal = token_.literal;
        break;
      case Token::Kind::Dot:
        operand.kind = Operand::Kind::Dot;
        break;
      case Token::Kind::Field:
        operand.kind = Operand::Kind::Field;
        operand.fields.push_back(token_.text);
        break;
      case Token::Kind::Variable:
        operand.kind = Operand::Kind::Variable;
        operand.name = token_.text;
        break;
      case Token::Kind::Word:
        operand.kind = Operand::Kind::Function;
        operand.name = token_.text;
        if (!is_function(token_.text))
          fail(fmt::format("function {} not defined", base::quoted(token_.text)));
        break;
      default:
        if (!is_mark("(")) fail(fmt::format("unexpected {} in operand", base::quoted(token_.text)));
        next();
        operand.kind = Operand::Kind::Nested;
        operand.nested = std::make_shared<Pipeline>(read_pipeline(true));
    }
    std::size_t end = at_;
    next();
    while (token_.kind == Token::Kind::Field && !token_.spaced) {
      operand.fields.push_back(token_.text);
      end = at_;
      next();
    }
    operand.text = text_.substr(start, end - start);
    return operand;
  }

  bool is_mark(std::string_view mark) const {
    return token_.kind == Token::Kind::Mark && token_.text == mark;
  }

  void next() {
    token_ = {};
    const std::size_t before = at_;
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    token_.spaced = at_ > before;
    token_.at = at_;
    const std::string_view rest = text_.substr(at_);
    if (rest.empty()) fail("unclosed action");
    if (rest.starts_with("}}") || (token_.spaced && rest.starts_with("-}}"))) {
      trim_left_ = rest[0] == '-';
      at_ += trim_left_ ? 3 : 2;
      return;
    }
    read_token(rest);
  }

  void take(Token::Kind kind, std::size_t bytes, std::size_t skipped = 0) {
    token_.kind = kind;
    token_.text = text_.substr(at_ + skipped, bytes - skipped);
    at_ += bytes;
  }

  void read_token(std::string_view rest) {
    const char c = rest[0];
    std::size_t word = 1;
    while (word < rest.size() && word_part(rest[word])) ++word;
    if (c == '.' && rest.size() > 1 && word_start(rest[1]))
      return take(Token::Kind::Field, word, 1);
    if (c == '.' && !(rest.size() > 1 && std::isdigit(static_cast<unsigned char>(rest[1]))))
      return take(Token::Kind::Dot, 1);
    if (c == '$') return take(Token::Kind::Variable, word);
    if (c == '"' || c == '`' || c == '\'') return read_string(rest);
    if (std::isdigit(static_cast<unsigned char>(c)) || c == '+' || c == '-' || c == '.')
      return read_number(rest);
    if (word_start(c)) return read_word(word);
    if (rest.starts_with(":=")) return take(Token::Kind::Mark, 2);
    if (std::string_view("|(),=").find(c) != std::string_view::npos)
      return take(Token::Kind::Mark, 1);
    fail(fmt::format("unexpected {} in command", base::quoted(rest.substr(0, 1))));
  }

  void read_word(std::size_t bytes) {
    take(Token::Kind::Word, bytes);
    if (token_.text == "true" || token_.text == "false") {
      token_.literal = token_.text == "true";
      token_.kind = Token::Kind::Literal;
    } else if (token_.text == "nil") {
      token_.kind = Token::Kind::Literal;
    }
  }

  void read_number(std::string_view rest) {
    std::size_t end = 1;
    while (end < rest.size() && (word_part(rest[end]) || rest[end] == '.')) ++end;
    const std::string text(rest.substr(0, end));
    std::int64_t whole = 0;
    const char* begin = text.data() + (text[0] == '+');
    const auto [stop, failed] = std::from_chars(begin, text.data() + text.size(), whole);
    if (failed == std::errc{} && stop == text.data() + text.size()) {
      token_.literal = whole;
    } else {
      double real = 0;
      const auto [real_stop, real_failed] = std::from_chars(begin, text.data() + text.size(), real);
      if (real_failed != std::errc{} || real_stop != text.data() + text.size()) {
        fail(fmt::format("bad number syntax: {}", base::quoted(text)));
      }
      token_.literal = real;
    }
    take(Token::Kind::Literal, end);
  }

  void read_string(std::string_view rest) {
    const char quote = rest[0];
    std::string out;
    std::size_t i = 1;
    for (; i < rest.size() && rest[i] != quote; ++i) {
      if (rest[i] == '\n' && quote != '`') fail("unterminated quoted string");
      if (rest[i] != '\\' || quote == '`') {
        out += rest[i];
        continue;
      }
      if (++i >= rest.size()) break;
      static constexpr std::string_view kFrom = "ntr\\\"'abfv";
      static constexpr std::string_view kTo = "\n\t\r\\\"'\a\b\f\v";
      const std::size_t which = kFrom.find(rest[i]);
      if (which == std::string_view::npos) fail("invalid syntax");
      out += kTo[which];
    }
    if (i >= rest.size()) fail("unterminated quoted string");
    take(Token::Kind::Literal, i + 1);
    token_.literal = boost::json::string(out);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Token token_;
  bool trim_left_ = false;
  int loops_ = 0;
};

}  // namespace

Node parse_nodes(std::string_view text) {
  return Parser(text).parse();
}

}  // namespace wharf::cli::templates
