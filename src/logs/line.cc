#include "logs/line.h"

#include <charconv>

#include "base/error.h"
#include "base/json.h"
#include "logs/frame.h"

namespace wharf::logs {

namespace {

/// Reads the JSON that a log writer makes: one flat object of strings, and "attrs".
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool take(char wanted) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  bool string(std::string& out) {
    if (!take('"')) return false;
    out.clear();
    while (true) {
      const std::size_t quote = text_.find('"', at_);
      if (quote == std::string_view::npos) return false;
      // A backslash before that quote may be the one that it is escaped by.
      const std::size_t plain = std::min(text_.substr(0, quote).find('\\', at_), quote);
      out.append(text_, at_, plain - at_);
      at_ = plain + 1;
      if (plain == quote) return true;
      if (!escape(out)) return false;
    }
  }

  /// A string in which nothing is escaped, as it stands there.
  bool plain(std::string_view& out) {
    if (!take('"')) return false;
    const std::size_t quote = text_.find('"', at_);
    if (quote == std::string_view::npos) return false;
    out = text_.substr(at_, quote - at_);
    at_ = quote + 1;
    return out.find('\\') == std::string_view::npos;
  }

  bool map(std::map<std::string, std::string>& out) {
    if (!take('{')) return false;
    if (take('}')) return true;
    do {
      std::string key, value;
      if (!string(key) || !take(':') || !string(value)) return false;
      out[std::move(key)] = std::move(value);
    } while (take(','));
    return take('}');
  }

 private:
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }

  bool escape(std::string& out) {
    if (at_ >= text_.size()) return false;
    const char kind = text_[at_++];
    static constexpr std::string_view kNames = "\"\\/bfnrt";
    static constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
    if (const auto known = kNames.find(kind); known != std::string_view::npos) {
      out += kMeant[known];
      return true;
    }
    if (kind != 'u') return false;
    unsigned code = 0;
    if (!hex4(code)) return false;
    if (code >= 0xD800 && code < 0xDC00 && text_.substr(at_, 2) == "\\u") {
      at_ += 2;
      unsigned low = 0;
      if (!hex4(low) || low < 0xDC00 || low > 0xDFFF) return false;
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(out, code);
    return true;
  }

  bool hex4(unsigned& code) {
    if (at_ + 4 > text_.size()) return false;
    const char* const end = text_.data() + at_ + 4;
    const auto [last, failed] = std::from_chars(text_.data() + at_, end, code, 16);
    at_ += 4;
    return failed == std::errc() && last == end;
  }

  static void append_utf8(std::string& out, unsigned code) {
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xC0 | (code >> 6));
      out += static_cast<char>(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
      out += static_cast<char>(0xE0 | (code >> 12));
      out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
      out += static_cast<char>(0x80 | (code & 0x3F));
    } else {
      out += static_cast<char>(0xF0 | (code >> 18));
      out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
      out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
      out += static_cast<char>(0x80 | (code & 0x3F));
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

bool read_members(Scanner& scanner, Line& line) {
  std::string_view key, time;
  do {
    if (!scanner.plain(key) || !scanner.take(':')) return false;
    if (key == "attrs") {
      if (!scanner.map(line.attributes)) return false;
      continue;
    }
    if (key == "time") {
      if (!scanner.plain(time)) return false;
      continue;
    }
    std::string ignored;
    std::string& into = key == "log" ? line.text : key == "stream" ? line.stream : ignored;
    if (!scanner.string(into)) return false;
  } while (scanner.take(','));
  if (!scanner.take('}')) return false;
  try {
    line.time = base::parse_rfc3339(time);
  } catch (const base::Error&) {
    return false;
  }
  return true;
}

/// As Go's url.QueryEscape.
std::string query_escaped(std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || c == '-' || c == '_' || c == '.' || c == '~') {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

std::string details_of(const Line& line) {
  std::string out;
  for (const auto& [key, value] : line.attributes) {
    if (!out.empty()) out += ',';
    out += query_escaped(key) + "=" + query_escaped(value);
  }
  return out + ' ';
}

std::string json_of(const Line& line) {
  base::JsonObject object;
  object["Line"] = line.text;
  object["Source"] = line.stream;
  object["Timestamp"] = base::rfc3339_nano(line.time);
  return base::to_text(object) + "\n";
}

}  // namespace

bool decode(std::string_view record, Line& line) {
  while (!record.empty() && (record.back() == '\n' || record.back() == '\r')) {
    record.remove_suffix(1);
  }
  Scanner scanner(record);
  line.text.clear();
  line.stream.clear();
  line.attributes.clear();
  return scanner.take('{') && read_members(scanner, line);
}

std::optional<Line> decode(std::string_view record) {
  Line line;
  if (!decode(record, line)) return std::nullopt;
  return line;
}

void show(const Line& line, const Shown& how, std::string& out) {
  if (how.json) {
    out += json_of(line);
    return;
  }
  if (how.framed && !how.timestamps && !how.details) {
    out += frame_header(line.stream == "stderr" ? 2 : 1, line.text.size());
    out += line.text;
    return;
  }
  std::string text;
  // Docker: details come before the text and after the time.
  if (how.timestamps) text += base::rfc3339_nano_fixed(line.time) + " ";
  if (how.details) text += details_of(line);
  text += line.text;
  if (how.framed) out += frame_header(line.stream == "stderr" ? 2 : 1, text.size());
  out += text;
}

}  // namespace wharf::logs
