// dockerd's options: one table that flags and daemon.json are both read by.
//
// An option has one key (that of daemon.json) and one shape of JSON value, whether it came
// as a flag or in the file; so a conflict is a key that both have, and there is one way to
// turn values into Settings. Values and constants.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "engine/settings.h"

namespace wharf::engine {

enum class Shape {
  Flag,      ///< --debug, --debug=false
  Number,    ///< --mtu 1500
  Text,      ///< --data-root /x
  List,      ///< --dns a --dns b: an array
  Pairs,     ///< --log-opt k=v: an object of strings
  Switches,  ///< --feature k=true: an object of booleans
  Ulimits,   ///< --default-ulimit nofile=1:2: an object of {Name,Hard,Soft}
  Pools,     ///< --default-address-pool base=...,size=...
  Options,   ///< --default-network-opt driver=k=v: an object of objects
  Runtimes,  ///< --add-runtime name=path
  Object,    ///< Only in the file.
};

enum class Support {
  Built,
  Harmless,  ///< Taken, with a warning that it changes nothing here.
  Refused,   ///< Not built, and ignoring it would mislead: an error unless it asks for the default.
};

struct Option {
  std::string_view flag;  ///< Without dashes; "" for what only the file has.
  char letter;            ///< '\0': none.
  std::string_view key;   ///< In daemon.json; "" for what only the command line has.
  Shape shape;
  Support support;
  std::string_view help;
  std::string_view standard;  ///< The default, as JSON; what a Refused option may say.
};

std::span<const Option> options();
const Option* option_by_flag(std::string_view flag);
const Option* option_by_letter(char letter);
const Option* option_by_key(std::string_view key);

/// What was given, by key (or by flag name where there is no key).
using Given = std::map<std::string, base::Json, std::less<>>;

/// What the command line says, in the way of Go's pflag. Throws InvalidArgument with its texts:
/// "unknown flag: --x", `invalid argument "a" for "--mtu" flag: ...`.
Given parse_flags(std::span<const std::string> arguments);

/// The text of daemon.json. Throws InvalidArgument with dockerd's texts for what is no JSON, and
/// "the following directives don't match any configuration option: x".
Given parse_file(std::string_view text);

/// Both together. Throws "the following directives are specified both as a flag and in the
/// configuration file: ..." where they overlap.
Given merge(const Given& flags, const Given& file);

/// Throws InvalidArgument for values that cannot be, and for options that are refused. What is
/// taken without effect is said in `warnings`.
Settings to_settings(const Given& given, std::vector<std::string>& warnings);

/// The keys that SIGHUP may change; others keep the value they had (daemon.md, section 1).
bool reloadable(std::string_view key);

/// `dockerd --help`.
std::string usage();

}  // namespace wharf::engine
