#include "registry/challenge.h"

#include "base/strings.h"

namespace wharf::registry {
namespace {

bool token_char(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  void skip(std::string_view what) {
    while (!rest_.empty() && what.find(rest_[0]) != std::string_view::npos) rest_.remove_prefix(1);
  }
  bool take(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool next_is(char c) const { return !rest_.empty() && rest_[0] == c; }

  std::string token() {
    std::size_t n = 0;
    while (n < rest_.size() && token_char(rest_[n])) ++n;
    std::string out(rest_.substr(0, n));
    rest_.remove_prefix(n);
    return out;
  }

  /// False when the closing quote is missing.
  bool quoted(std::string& out) {
    while (!rest_.empty()) {
      if (take('"')) return true;
      if (take('\\') && rest_.empty()) return false;
      out += rest_[0];
      rest_.remove_prefix(1);
    }
    return false;
  }

  std::string_view rest() const { return rest_; }
  void reset(std::string_view to) { rest_ = to; }

 private:
  std::string_view rest_;
};

constexpr std::string_view kBlank = " \t";
constexpr std::string_view kBlankOrComma = " \t,";

/// Reads "name=value" pairs up to the next scheme. False where the text is malformed.
bool read_parameters(Scanner& scanner, Challenge& challenge) {
  while (true) {
    scanner.skip(kBlankOrComma);
    const std::string_view before = scanner.rest();
    const std::string name = base::lower(scanner.token());
    if (name.empty()) return scanner.at_end();
    scanner.skip(kBlank);
    if (!scanner.take('=')) {
      scanner.reset(before);  // A scheme, not a parameter.
      return true;
    }
    scanner.skip(kBlank);
    std::string value;
    if (scanner.take('"')) {
      if (!scanner.quoted(value)) return false;
    } else {
      value = scanner.token();
    }
    challenge.parameters.emplace(name, std::move(value));
  }
}

}  // namespace

const std::string& Challenge::get(const std::string& name) const {
  static const std::string kNone;
  const auto found = parameters.find(name);
  return found == parameters.end() ? kNone : found->second;
}

std::vector<Challenge> parse_challenges(std::string_view header) {
  std::vector<Challenge> out;
  Scanner scanner(header);
  while (out.size() < kChallengeLimit) {
    scanner.skip(kBlankOrComma);
    Challenge challenge;
    challenge.scheme = base::lower(scanner.token());
    if (challenge.scheme.empty()) break;
    if (!read_parameters(scanner, challenge)) break;
    out.push_back(std::move(challenge));
  }
  return out;
}

}  // namespace wharf::registry
