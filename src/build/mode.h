// `--chmod`: octal, or as chmod(1) has it ("u=rwX,go=rX"). Plain value.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string_view>
#include <vector>

namespace wharf::build {

class ModeChange {
 public:
  /// Throws InvalidArgument "invalid chmod parameter: 'x'. it should be octal string and between 0
  /// and 07777" for what is neither.
  static ModeChange parse(std::string_view text);

  /// Without the type of the file.
  mode_t apply(mode_t mode, bool directory) const;

 private:
  struct Clause {
    mode_t who;         ///< 0700, 0070, 0007 together, and 07000 for s and t.
    char operation;     ///< '=', '+', '-'.
    mode_t permission;  ///< Of all three.
    bool x_where_any = false;
  };
  std::optional<mode_t> octal_;
  std::vector<Clause> clauses_;
};

}  // namespace wharf::build
