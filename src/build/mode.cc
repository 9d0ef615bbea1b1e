#include "build/mode.h"

#include "base/error.h"
#include "base/strings.h"

namespace wharf::build {
namespace {

[[noreturn]] void refuse(std::string_view text) {
  base::fail(base::Kind::InvalidArgument,
             "invalid chmod parameter: '{}'. it should be octal string and between 0 and 07777",
             text);
}

std::optional<mode_t> octal(std::string_view text) {
  if (text.empty() || text.size() > 5) return std::nullopt;
  mode_t mode = 0;
  for (const char c : text) {
    if (c < '0' || c > '7') return std::nullopt;
    mode = mode * 8 + static_cast<mode_t>(c - '0');
  }
  if (mode > 07777) return std::nullopt;
  return mode;
}

}  // namespace

ModeChange ModeChange::parse(std::string_view text) {
  ModeChange change;
  change.octal_ = octal(text);
  if (change.octal_) return change;
  for (const std::string& part : base::split(text, ',')) {
    std::size_t at = 0;
    mode_t who = 0;
    for (; at < part.size() && std::string_view("ugoa").find(part[at]) != std::string_view::npos;
         ++at) {
      if (part[at] == 'u' || part[at] == 'a') who |= 04700;
      if (part[at] == 'g' || part[at] == 'a') who |= 02070;
      if (part[at] == 'o' || part[at] == 'a') who |= 01007;
    }
    if (who == 0) who = 07777;
    if (at == part.size()) refuse(text);
    while (at < part.size()) {
      Clause clause{who, part[at++], 0, false};
      if (std::string_view("=+-").find(clause.operation) == std::string_view::npos) refuse(text);
      for (; at < part.size() && std::string_view("=+-").find(part[at]) == std::string_view::npos;
           ++at) {
        switch (part[at]) {
          case 'r':
            clause.permission |= 0444;
            break;
          case 'w':
            clause.permission |= 0222;
            break;
          case 'x':
            clause.permission |= 0111;
            break;
          case 'X':
            clause.x_where_any = true;
            break;
          case 's':
            clause.permission |= 06000;
            break;
          case 't':
            clause.permission |= 01000;
            break;
          default:
            refuse(text);
        }
      }
      change.clauses_.push_back(clause);
    }
  }
  return change;
}

mode_t ModeChange::apply(mode_t mode, bool directory) const {
  if (octal_) return *octal_;
  for (const Clause& clause : clauses_) {
    mode_t bits = clause.permission;
    if (clause.x_where_any && (directory || (mode & 0111) != 0)) bits |= 0111;
    bits &= clause.who;
    if (clause.operation == '+')
      mode |= bits;
    else if (clause.operation == '-')
      mode &= ~bits;
    else
      mode = (mode & ~(clause.who & 0777)) | bits;
  }
  return mode & 07777;
}

}  // namespace wharf::build
