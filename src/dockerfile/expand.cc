#include "dockerfile/expand.h"

#include "base/error.h"
#include "base/strings.h"
#include "dockerfile/pattern.h"

namespace wharf::dockerfile {
namespace {

using base::fail;
using base::Kind;

bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool is_special(char c) {
  return std::string_view("@*#?-$!0").find(c) != std::string_view::npos;
}

/// Collects words while the whole is collected too.
class Words {
 public:
  void add(char c) {
    if (!is_blank(c)) return add_raw(c);
    if (open_ && !word_.empty()) words_.push_back(std::exchange(word_, {}));
    if (word_.empty()) open_ = false;
  }
  void add_raw(char c) {
    word_ += c;
    open_ = true;
  }
  void add(std::string_view text) {
    for (const char c : text) add(c);
  }
  void add_raw(std::string_view text) {
    word_ += text;
    open_ = true;
  }
  std::vector<std::string> take() {
    if (!word_.empty()) words_.push_back(std::move(word_));
    return std::move(words_);
  }

 private:
  std::vector<std::string> words_;
  std::string word_;
  bool open_ = false;
};

class Run {
 public:
  Run(const Expander& how, std::string_view text)
      : how_(how), text_(text), keep_escapes_(how.keep_escapes) {}

  std::string whole(Words* words) { return until('\0', words); }

 private:
  bool at_end() const { return at_ >= text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }
  char next() { return text_[at_++]; }

  static void check_length(std::size_t size) {
    if (size > kExpansionLimit) {
      fail(Kind::InvalidArgument, "expansion is longer than {} bytes", kExpansionLimit);
    }
  }

  /// Reads to `stop`, which is taken too; '\0' is the end of the text.
  std::string until(char stop, Words* words) {
    if (++depth_ > kExpansionDepth) {
      fail(Kind::InvalidArgument, "more than {} substitutions inside one another", kExpansionDepth);
    }
    std::string out;
    while (!at_end()) {
      const char c = peek();
      if (stop != '\0' && c == stop) {
        ++at_;
        --depth_;
        return out;
      }
      piece(c, out, words);
      check_length(out.size());
    }
    --depth_;
    if (stop != '\0') {
      fail(Kind::InvalidArgument, "unexpected end of statement while looking for matching {}",
           stop);
    }
    return out;
  }

  void piece(char c, std::string& out, Words* words) {
    if (c == '$') {
      const std::string value = dollar();
      out += value;
      if (words) words->add(value);
    } else if (c == '\'' || c == '"') {
      const std::string value = c == '"' ? double_quotes() : single_quotes();
      out += value;
      if (words) words->add_raw(value);
    } else if (c == how_.escape) {
      escaped(out, words);
    } else {
      out += next();
      if (words) words->add(c);
    }
  }

  void escaped(std::string& out, Words* words) {
    const char escape = next();
    if (keep_escapes_) {
      out += escape;
      if (words) words->add_raw(escape);
    }
    if (at_end()) return;
    const char c = next();
    out += c;
    if (words) words->add_raw(c);
  }

  std::string single_quotes() {
    std::string out;
    const char quote = next();
    if (how_.keep_quotes) out += quote;
    while (!at_end()) {
      const char c = next();
      if (c != '\'') {
        out += c;
        continue;
      }
      if (how_.keep_quotes) out += c;
      return out;
    }
    fail(Kind::InvalidArgument,
         "unexpected end of statement while looking for matching single-quote");
  }

  std::string double_quotes() {
    std::string out;
    const char quote = next();
    if (how_.keep_quotes) out += quote;
    while (!at_end()) {
      check_length(out.size());
      const char c = peek();
      if (c == '$') {
        out += dollar();
        continue;
      }
      ++at_;
      if (c == '"') {
        if (how_.keep_quotes) out += c;
        return out;
      }
      if (c == how_.escape)
        escaped_in_quotes(out);
      else
        out += c;
    }
    fail(Kind::InvalidArgument,
         "unexpected end of statement while looking for matching double-quote");
  }

  void escaped_in_quotes(std::string& out) {
    if (keep_escapes_) out += how_.escape;
    if (at_end()) return;
    const char c = peek();
    const bool takes = c == '"' || c == '$' || c == how_.escape;
    out += takes ? next() : how_.escape;
  }

  std::string dollar() {
    ++at_;
    if (peek() != '{') {
      const std::string name = read_name();
      if (name.empty()) return "$";
      return how_.variables(name).value_or("");
    }
    ++at_;
    if (at_end()) fail(Kind::InvalidArgument, "syntax error: missing '}}'");
    if (peek() == '{' || peek() == '}' || peek() == ':') {
      fail(Kind::InvalidArgument, "syntax error: bad substitution");
    }
    const std::string name = read_name();
    if (at_end()) fail(Kind::InvalidArgument, "syntax error: missing '}}'");
    return substitution(name);
  }

  std::string substitution(const std::string& name) {
    std::string modifier(1, next());
    if (modifier == "}") return how_.variables(name).value_or("");
    if (modifier == "/") return replace(name);
    const bool empty_is_unset = modifier == ":";
    if (empty_is_unset && !at_end()) modifier += next();
    const char kind = modifier.back();
    if (std::string_view("+-?#%").find(kind) == std::string_view::npos) {
      fail(Kind::InvalidArgument, "unsupported modifier ({}) in substitution", modifier);
    }
    const bool pattern = kind == '#' || kind == '%';
    const std::string word = operand('}', pattern, "syntax error: missing '}'");
    const std::optional<std::string> value = how_.variables(name);
    if (pattern) return trimmed(value.value_or(""), kind, word);
    return chosen(name, value, {kind, empty_is_unset, word});
  }

  struct Choice {
    char kind;
    bool empty_is_unset;
    const std::string& word;
  };

  static std::string chosen(const std::string& name, const std::optional<std::string>& value,
                            const Choice& choice) {
    const bool there = value && !(choice.empty_is_unset && value->empty());
    if (choice.kind == '-') return there ? *value : choice.word;
    if (choice.kind == '+') return there ? choice.word : "";
    if (there) return *value;
    const char* why = value ? "is not allowed to be empty" : "is not allowed to be unset";
    fail(Kind::InvalidArgument, "{}: {}", name, choice.word.empty() ? why : choice.word);
  }

  static std::string trimmed(const std::string& value, char kind, std::string_view word) {
    const bool greedy = word.starts_with(kind);
    if (greedy) word.remove_prefix(1);
    const ShellPattern pattern(word);
    return kind == '#' ? pattern.without_prefix(value, greedy)
                       : pattern.without_suffix(value, greedy);
  }

  std::string replace(const std::string& name) {
    const bool all = peek() == '/';
    if (all) ++at_;
    const std::string pattern = operand('/', true, "syntax error: missing '/' in ${}");
    const std::string replacement = operand('}', true, "syntax error: missing '}'");
    return ShellPattern(pattern).replaced(how_.variables(name).value_or(""), replacement, all);
  }

  std::string operand(char stop, bool keep_escapes, std::string_view missing) {
    const bool before = std::exchange(keep_escapes_, keep_escapes);
    try {
      std::string word = until(stop, nullptr);
      keep_escapes_ = before;
      return word;
    } catch (const base::Error&) {
      if (at_end() && depth_ <= kExpansionDepth) fail(Kind::InvalidArgument, "{}", missing);
      throw;
    }
  }

  std::string read_name() {
    std::string name;
    if (is_digit(peek())) {
      while (is_digit(peek())) name += next();
      return name;
    }
    if (!at_end() && is_special(peek())) return std::string(1, next());
    while (!at_end() && is_name(peek())) name += next();
    return name;
  }

  const Expander& how_;
  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  bool keep_escapes_;
};

template <class Work>
auto named(std::string_view text, Work work) {
  try {
    return work();
  } catch (const base::Error& error) {
    fail(error.kind(), "failed to process {}: {}", base::quoted(text.substr(0, 1024)),
         error.what());
  }
}

}  // namespace

std::string Expander::word(std::string_view text) const {
  return named(text, [&] { return Run(*this, text).whole(nullptr); });
}

std::vector<std::string> Expander::words(std::string_view text) const {
  return named(text, [&] {
    Words words;
    Run(*this, text).whole(&words);
    return words.take();
  });
}

}  // namespace wharf::dockerfile
