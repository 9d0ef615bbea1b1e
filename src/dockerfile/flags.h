// The `--name=value` flags of one instruction. Inside room dockerfile only.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace wharf::dockerfile {

enum class FlagKind { Text, Texts, Boolean };

class Flags {
 public:
  /// Checks `given` against what the instruction knows. Throws Docker's texts.
  Flags(const std::vector<std::string>& given,
        const std::map<std::string, FlagKind, std::less<>>& known);

  std::string text(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;
  bool has(std::string_view name) const;
  bool is_set(std::string_view name) const { return text(name) == "true"; }
  const std::vector<std::string>& used() const { return used_; }

 private:
  void add(const std::string& flag, const std::map<std::string, FlagKind, std::less<>>& known);

  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::vector<std::string> used_;
};

/// ` (did you mean x?)` where one of `known` is nearly the same, else "".
std::string suggestion(std::string_view given, const std::vector<std::string>& known);

}  // namespace wharf::dockerfile
