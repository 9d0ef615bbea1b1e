#include "dockerfile/text.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/strings.h"

namespace wharf::dockerfile {
namespace {

using base::fail;
using base::Kind;

constexpr std::string_view kBlanks = " \t\v\f\r";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string_view left_trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\v\f\r\n");
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

bool is_comment(std::string_view line) {
  return left_trimmed(line).starts_with('#');
}

/// Physical lines, each with the newline it ends with.
class Lines {
 public:
  explicit Lines(std::string_view bytes) : rest_(bytes) {}

  bool next() {
    if (rest_.empty()) return false;
    const std::size_t end = rest_.find('\n');
    whole_ = rest_.substr(0, end == std::string_view::npos ? rest_.size() : end + 1);
    rest_.remove_prefix(whole_.size());
    if (whole_.size() > kLineLimit) {
      fail(Kind::InvalidArgument, "dockerfile line greater than maximum allowed size of {}",
           kLineLimit);
    }
    ++number_;
    return true;
  }

  std::string_view whole() const { return whole_; }
  std::string_view text() const {
    std::string_view text = whole_;
    while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
    return text;
  }
  int number() const { return number_; }

 private:
  std::string_view rest_;
  std::string_view whole_;
  int number_ = 0;
};

/// Takes away the escape character at the end of a line; true where there was one.
bool take_continuation(std::string& line, char escape) {
  const std::size_t last = line.find_last_not_of(" \t");
  if (last == std::string::npos || line[last] != escape) return false;
  if (last > 0 && line[last - 1] == escape) return false;
  line.resize(last);
  return true;
}

/// `--name=value` words at the front; quotes group and go, an escape keeps the next character.
class FlagReader {
 public:
  explicit FlagReader(std::string_view text) : text_(text) {}

  std::string_view read(std::vector<std::string>& flags) {
    while (true) {
      skip_blanks();
      if (!text_.substr(at_).starts_with("--")) return text_.substr(at_);
      std::string flag = word();
      if (flag == "--") return text_.substr(at_);
      flags.push_back(std::move(flag));
    }
  }

 private:
  void skip_blanks() {
    while (at_ < text_.size() && kBlanks.find(text_[at_]) != std::string_view::npos) ++at_;
  }

  std::string word() {
    std::string word;
    char quote = '\0';
    for (; at_ < text_.size(); ++at_) {
      char c = text_[at_];
      if (quote == '\0' && kBlanks.find(c) != std::string_view::npos) break;
      if (c == quote) {
        quote = '\0';
        continue;
      }
      if (quote == '\0' && (c == '\'' || c == '"')) {
        quote = c;
        continue;
      }
      if (c == '\\') {
        if (++at_ == text_.size()) break;
        c = text_[at_];
      }
      word += c;
    }
    return word;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

Line split_line(std::string text) {
  Line line;
  line.original = std::move(text);
  const std::string_view whole = base::trim(line.original);
  const std::size_t end = std::min(whole.find_first_of(kBlanks), whole.size());
  line.name = whole.substr(0, end);
  line.rest = base::trim(FlagReader(whole.substr(end)).read(line.flags));
  return line;
}

bool may_have_heredocs(const Line& line) {
  static const std::set<std::string> kNames = {"add", "copy", "run"};
  const std::string name = base::lower(line.name);
  if (kNames.contains(name)) return true;
  if (name != "onbuild") return false;
  return kNames.contains(base::lower(line.rest.substr(0, line.rest.find_first_of(kBlanks))));
}

/// The escape is not the file's here: heredocs are the shell's.
std::vector<Heredoc> heredocs_of(const Line& line) {
  std::vector<Heredoc> found;
  if (!may_have_heredocs(line) || line.original.find("<<") == std::string::npos) return found;
  for (const std::string& word : split_words(line.original, '\\')) {
    Heredoc heredoc;
    if (parse_heredoc(word, heredoc)) found.push_back(std::move(heredoc));
  }
  if (found.size() > kHeredocLimit) {
    fail(Kind::InvalidArgument, "more than {} heredocs in one instruction", kHeredocLimit);
  }
  return found;
}

void read_heredocs(Line& line, Lines& lines) {
  for (Heredoc& heredoc : heredocs_of(line)) {
    bool terminated = false;
    while (!terminated && lines.next()) {
      std::string_view text = lines.text();
      if (heredoc.chomp) text.remove_prefix(std::min(text.find_first_not_of('\t'), text.size()));
      terminated = text == heredoc.name;
      if (!terminated) heredoc.content += lines.whole();
    }
    if (!terminated) fail(Kind::InvalidArgument, "unterminated heredoc");
    line.heredocs.push_back(std::move(heredoc));
  }
}

/// The directives at the very top: `# name=value`, each once.
class DirectiveReader {
 public:
  explicit DirectiveReader(Directives& directives) : directives_(directives) {}

  void look_at(std::string_view line) {
    if (done_) return;
    done_ = true;
    std::string_view text = base::trim(line);
    if (!text.starts_with('#')) return;
    text = base::trim(text.substr(1));
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) return;
    const std::string name = base::lower(base::trim(text.substr(0, equals)));
    if (name != "escape" && name != "syntax" && name != "check") return;
    done_ = false;
    if (!seen_.insert(name).second) {
      fail(Kind::InvalidArgument, "only one {} parser directive can be used", name);
    }
    take(name, base::trim(text.substr(equals + 1)));
  }

 private:
  void take(const std::string& name, std::string_view value) {
    if (name == "syntax") directives_.syntax = value;
    if (name == "check") directives_.check = value;
    if (name != "escape") return;
    if (value != "`" && value != "\\") {
      fail(Kind::InvalidArgument, "invalid ESCAPE '{}' does not match ` or \\", value);
    }
    directives_.escape = value[0];
  }

  Directives& directives_;
  bool done_ = false;
  std::set<std::string> seen_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : lines_(bytes), directives_(text_.directives) {}

  Text read() {
    std::vector<std::string> comments;
    while (lines_.next()) {
      directives_.look_at(lines_.text());
      const std::string_view line = left_trimmed(lines_.text());
      if (line.starts_with('#')) {
        comments.emplace_back(base::trim(line.substr(1)));
        continue;
      }
      if (!line.empty()) instruction(std::string(line), comments);
      comments.clear();
    }
    if (text_.lines.empty()) fail(Kind::InvalidArgument, "file with no instructions");
    return std::move(text_);
  }

 private:
  void instruction(std::string joined, const std::vector<std::string>& comments) {
    const int first = lines_.number();
    bool empty_line = false;
    bool goes_on = take_continuation(joined, text_.directives.escape);
    while (goes_on && lines_.next()) {
      if (is_comment(lines_.text())) continue;
      if (base::trim(lines_.text()).empty()) {
        empty_line = true;
        continue;
      }
      std::string more(lines_.text());
      goes_on = take_continuation(more, text_.directives.escape);
      joined += more;
    }
    if (base::trim(joined).empty()) return;
    Line line = split_line(std::move(joined));
    line.first_line = first;
    line.comments = comments;
    line.empty_continuation = empty_line;
    read_heredocs(line, lines_);
    line.last_line = lines_.number();
    text_.lines.push_back(std::move(line));
    if (text_.lines.size() > kInstructionLimit) {
      fail(Kind::InvalidArgument, "more than {} instructions", kInstructionLimit);
    }
  }

  Text text_;
  Lines lines_;
  DirectiveReader directives_;
};

}  // namespace

Text read_text(std::string_view bytes) {
  if (bytes.size() > kFileLimit) {
    fail(Kind::InvalidArgument, "the Dockerfile is larger than {} bytes", kFileLimit);
  }
  if (bytes.starts_with(kByteOrderMark)) bytes.remove_prefix(kByteOrderMark.size());
  return Reader(bytes).read();
}

Line read_line(std::string_view text, char escape) {
  Text read = [&] {
    // The file's escape character is already settled: it is said again in front.
    const std::string directive = escape == '\\' ? "" : "# escape=`\n";
    return read_text(directive + std::string(text));
  }();
  if (read.lines.size() != 1) {
    fail(Kind::InvalidArgument, "expected one instruction, got {}", read.lines.size());
  }
  return std::move(read.lines.front());
}

std::vector<std::string> split_blanks(std::string_view text) {
  std::vector<std::string> words;
  while (true) {
    const std::size_t first = text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) return words;
    text.remove_prefix(first);
    const std::size_t end = std::min(text.find_first_of(kBlanks), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

std::vector<std::string> split_words(std::string_view text, char escape) {
  std::vector<std::string> words;
  std::string word;
  bool open = false;
  char quote = '\0';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote == '\0' && (kBlanks.find(c) != std::string_view::npos || c == '\n')) {
      if (open) words.push_back(std::exchange(word, {}));
      open = false;
      continue;
    }
    open = true;
    if (c == escape && quote != '\'') {
      // Docker: one at the very end is dropped.
      if (i + 1 == text.size()) break;
      word += c;
      word += text[++i];
      continue;
    }
    if (quote == '\0' && (c == '\'' || c == '"'))
      quote = c;
    else if (c == quote)
      quote = '\0';
    word += c;
  }
  if (open) words.push_back(std::move(word));
  return words;
}

bool parse_heredoc(std::string_view word, Heredoc& heredoc) {
  std::size_t at = 0;
  while (at < word.size() && at < 9 && word[at] >= '0' && word[at] <= '9') {
    heredoc.file_descriptor =
        heredoc.file_descriptor * 10 + static_cast<unsigned>(word[at++] - '0');
  }
  if (!word.substr(at).starts_with("<<")) return false;
  at += 2;
  if (at < word.size() && word[at] == '-') {
    heredoc.chomp = true;
    ++at;
  }
  // "<<<" is the shell's here-string.
  if (at >= word.size() || word[at] == '<') return false;
  std::string name;
  char quote = '\0';
  for (; at < word.size(); ++at) {
    const char c = word[at];
    if (quote == '\0' && (c == '\'' || c == '"')) {
      quote = c;
      heredoc.expand = false;
    } else if (c == quote) {
      quote = '\0';
    } else if (quote == '\0' && (c == '<' || c == '>' || c == '|' || c == '&' || c == ';')) {
      return false;
    } else {
      name += c;
    }
  }
  if (quote != '\0' || name.empty()) return false;
  heredoc.name = std::move(name);
  return true;
}

std::string content_of(const Heredoc& heredoc) {
  if (!heredoc.chomp) return heredoc.content;
  std::string out;
  bool at_start = true;
  for (const char c : heredoc.content) {
    if (at_start && c == '\t') continue;
    at_start = c == '\n';
    out += c;
  }
  return out;
}

}  // namespace wharf::dockerfile
