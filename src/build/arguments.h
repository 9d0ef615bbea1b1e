// The arguments of a build: what ARG declares, what the request gives, what is there by itself.
//
// A stage sees what it declares from there on; what stands before the first FROM is seen by FROM,
// and by a stage that declares it again. The proxies need no declaration, and neither the history
// nor the cache knows them. One thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "dockerfile/expand.h"
#include "oci/platform.h"

namespace wharf::build {

using Values = std::map<std::string, std::optional<std::string>, std::less<>>;

class Arguments {
 public:
  Arguments(Values given, const oci::Platform& target);

  /// `ARG name[=value]` before the first FROM.
  void declare_global(const std::string& name, std::optional<std::string> value);
  /// Of a stage.
  void declare(const std::string& name, std::optional<std::string> value);

  /// A new stage: only what is global is left.
  void start_stage() { declared_.clear(); }

  /// The value in this stage; nothing where it has none.
  std::optional<std::string> get(std::string_view name) const;
  std::optional<std::string> get_global(std::string_view name) const;

  /// NAME=value of all that RUN sees, without those that `env` has.
  std::vector<std::string> environment(const std::vector<std::string>& env) const;
  /// As above, without proxies that nobody declared: what history and cache know.
  std::vector<std::string> remembered(const std::vector<std::string>& env) const;

  /// The names that were declared, for unused_arguments().
  std::set<std::string> take_used() { return std::move(used_); }

 private:
  std::optional<std::string> value_of(const std::string& name,
                                      const std::optional<std::string>& otherwise) const;

  Values given_;
  Values platform_;
  Values global_;
  Values declared_;
  std::set<std::string> used_;
};

/// Given with the request, but declared nowhere.
std::vector<std::string> unused_arguments(const Values& given, const std::set<std::string>& used);

/// The value of NAME in a list of NAME=value.
std::optional<std::string> value_in(const std::vector<std::string>& env, std::string_view name);

}  // namespace wharf::build
