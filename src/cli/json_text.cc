#include "cli/json_text.h"

namespace wharf::cli {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

class Indenter {
 public:
  Indenter(std::string_view prefix, std::string_view indent) : prefix_(prefix), indent_(indent) {}

  std::string run(std::string_view json) {
    for (std::size_t i = 0; i < json.size(); ++i) {
      const char c = json[i];
      if (in_string_) {
        out_ += c;
        if (c == '\\' && i + 1 < json.size()) out_ += json[++i];
        in_string_ = c != '"';
      } else if (!is_space(c)) {
        add(c);
      }
    }
    return std::move(out_);
  }

 private:
  void new_line() {
    out_ += '\n';
    out_ += prefix_;
    for (std::size_t i = 0; i < depth_; ++i) out_ += indent_;
  }

  void add(char c) {
    const bool closes = c == '}' || c == ']';
    if (closes && depth_ > 0) --depth_;
    // An object or array gets lines only once something is in it: "{}" stays as it is.
    if (opened_ ? !closes : closes) new_line();
    opened_ = c == '{' || c == '[';
    out_ += c;
    if (opened_) ++depth_;
    if (c == ',') new_line();
    if (c == ':') out_ += ' ';
    in_string_ = c == '"';
  }

  std::string_view prefix_;
  std::string_view indent_;
  std::string out_;
  std::size_t depth_ = 0;
  bool in_string_ = false;
  bool opened_ = false;
};

}  // namespace

std::string indented(std::string_view json, std::string_view prefix, std::string_view indent) {
  return Indenter(prefix, indent).run(json);
}

std::string indented_array(const std::vector<std::string>& values) {
  if (values.empty()) return "[]\n";
  std::string out = "[";
  for (std::size_t i = 0; i < values.size(); ++i) {
    out += (i ? ",\n    " : "\n    ") + indented(values[i], "    ", "    ");
  }
  return out + "\n]\n";
}

}  // namespace wharf::cli
