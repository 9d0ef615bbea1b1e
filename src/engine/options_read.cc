// Reading flags as Go's pflag does, daemon.json as dockerd does, and merging the two.
//
// Written here and not left to a library of flags: scripts and tests compare pflag's texts,
// and its grammar ("-Hx", "--tls=false", "-D=false") is not that of other parsers.
#include <charconv>

#include "base/error.h"
#include "base/strings.h"
#include "engine/options.h"

namespace wharf::engine {
namespace {

using base::fail;
using base::Json;
using base::JsonArray;
using base::JsonObject;
using base::Kind;
using base::quoted;

[[noreturn]] void bad_argument(const Option& option, const std::string& value,
                               const std::string& why) {
  const std::string name = option.letter ? fmt::format("-{}, --{}", option.letter, option.flag)
                                         : fmt::format("--{}", option.flag);
  fail(Kind::InvalidArgument, "invalid argument {} for \"{}\" flag: {}", quoted(value), name, why);
}

bool flag_value(const Option& option, const std::string& value) {
  for (const std::string_view yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (value == yes) return true;
  }
  for (const std::string_view no : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (value == no) return false;
  }
  bad_argument(option, value,
               fmt::format("strconv.ParseBool: parsing {}: invalid syntax", quoted(value)));
}

std::int64_t number_value(const Option& option, const std::string& value) {
  std::int64_t number = 0;
  const auto read = std::from_chars(value.data(), value.data() + value.size(), number);
  if (read.ec != std::errc() || read.ptr != value.data() + value.size()) {
    bad_argument(option, value,
                 fmt::format("strconv.ParseInt: parsing {}: invalid syntax", quoted(value)));
  }
  return number;
}

/// "name=rest"; without '=' it is an error.
std::pair<std::string, std::string> pair_value(const Option& option, const std::string& value) {
  const std::size_t equals = value.find('=');
  if (equals == std::string::npos || equals == 0)
    bad_argument(option, value, "expected name=value");
  return {value.substr(0, equals), value.substr(equals + 1)};
}

/// "nofile=1024:2048", as the object that daemon.json has.
void add_ulimit(const Option& option, const std::string& value, JsonObject& into) {
  const auto [name, limits] = pair_value(option, value);
  const std::size_t colon = limits.find(':');
  const std::int64_t soft = number_value(option, limits.substr(0, colon));
  const std::int64_t hard =
      colon == std::string::npos ? soft : number_value(option, limits.substr(colon + 1));
  into[name] = JsonObject{{"Name", name}, {"Hard", hard}, {"Soft", soft}};
}

/// "base=172.30.0.0/16,size=24"
JsonObject pool_value(const Option& option, const std::string& value) {
  JsonObject pool;
  for (const std::string& field : base::split(value, ',')) {
    const auto [key, text] = pair_value(option, field);
    if (key == "base") {
      pool["base"] = text;
    } else if (key == "size") {
      pool["size"] = number_value(option, text);
    } else {
      bad_argument(option, value, fmt::format("unexpected key '{}' in '{}'", key, field));
    }
  }
  return pool;
}

JsonObject& object_of(Json& value) {
  if (!value.is_object()) value.emplace_object();
  return value.get_object();
}

JsonArray& array_of(Json& value) {
  if (!value.is_array()) value.emplace_array();
  return value.get_array();
}

void add_value(const Option& option, const std::string& value, Json& into) {
  switch (option.shape) {
    case Shape::Flag:
      into = flag_value(option, value);
      return;
    case Shape::Number:
      into = number_value(option, value);
      return;
    case Shape::Text:
      into = value;
      return;
    case Shape::List:
      array_of(into).emplace_back(value);
      return;
    case Shape::Ulimits:
      add_ulimit(option, value, object_of(into));
      return;
    case Shape::Pools:
      array_of(into).emplace_back(pool_value(option, value));
      return;
    case Shape::Switches: {
      const std::size_t equals = value.find('=');
      object_of(into)[value.substr(0, equals)] =
          equals == std::string::npos || flag_value(option, value.substr(equals + 1));
      return;
    }
    case Shape::Pairs: {
      const auto [key, text] = pair_value(option, value);
      object_of(into)[key] = text;
      return;
    }
    case Shape::Runtimes: {
      const auto [name, path] = pair_value(option, value);
      object_of(into)[name] = JsonObject{{"path", path}};
      return;
    }
    case Shape::Options: {
      const auto [driver, rest] = pair_value(option, value);
      const auto [key, text] = pair_value(option, rest);
      object_of(object_of(into)[driver])[key] = text;
      return;
    }
    case Shape::Object:
      fail(Kind::InvalidArgument, "--{} has no value on the command line", option.flag);
  }
}

class FlagReader {
 public:
  explicit FlagReader(std::span<const std::string> arguments) : arguments_(arguments) {}

  Given read() {
    while (at_ < arguments_.size()) {
      const std::string& argument = arguments_[at_++];
      if (argument == "--") break;
      if (argument.starts_with("--")) {
        read_long(argument);
      } else if (argument.size() > 1 && argument[0] == '-') {
        read_letters(argument);
      } else {
        positional(argument);
      }
    }
    if (at_ < arguments_.size()) positional(arguments_[at_]);
    return std::move(given_);
  }

 private:
  [[noreturn]] static void positional(const std::string& argument) {
    // Docker: dockerd takes no arguments.
    fail(Kind::InvalidArgument, "unknown command: dockerd {}", argument);
  }

  void read_long(const std::string& argument) {
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(2, equals == std::string::npos ? equals : equals - 2);
    const Option* option = option_by_flag(name);
    if (!option) fail(Kind::InvalidArgument, "unknown flag: --{}", name);
    if (equals != std::string::npos) return put(*option, argument.substr(equals + 1));
    if (option->shape == Shape::Flag) return put(*option, "true");
    if (at_ == arguments_.size()) fail(Kind::InvalidArgument, "flag needs an argument: --{}", name);
    put(*option, arguments_[at_++]);
  }

  /// "-D", "-Dl debug", "-H=x", "-Hx".
  void read_letters(const std::string& argument) {
    for (std::size_t i = 1; i < argument.size(); ++i) {
      const Option* option = option_by_letter(argument[i]);
      if (!option)
        fail(Kind::InvalidArgument, "unknown shorthand flag: '{}' in {}", argument[i], argument);
      const bool equals = i + 1 < argument.size() && argument[i + 1] == '=';
      if (equals) return put(*option, argument.substr(i + 2));
      if (option->shape == Shape::Flag) {
        put(*option, "true");
        continue;
      }
      if (i + 1 < argument.size()) return put(*option, argument.substr(i + 1));
      if (at_ == arguments_.size()) {
        fail(Kind::InvalidArgument, "flag needs an argument: '{}' in {}", argument[i], argument);
      }
      return put(*option, arguments_[at_++]);
    }
  }

  void put(const Option& option, const std::string& value) {
    const std::string_view key = option.key.empty() ? option.flag : option.key;
    add_value(option, value, given_[std::string(key)]);
  }

  std::span<const std::string> arguments_;
  std::size_t at_ = 0;
  Given given_;
};

/// What JSON a file must have for an option.
void check_shape(const Option& option, const Json& value) {
  bool right = true;
  switch (option.shape) {
    case Shape::Flag:
      right = value.is_bool();
      break;
    case Shape::Number:
      right = value.is_int64() || value.is_uint64();
      break;
    case Shape::Text:
      right = value.is_string();
      break;
    case Shape::List:
    case Shape::Pools:
      right = value.is_array();
      break;
    default:
      right = value.is_object();
      break;
  }
  if (option.key == "default-shm-size") right = value.is_string() || value.is_number();
  if (right) return;
  fail(Kind::InvalidArgument, "{}: wrong type of value: {}", option.key, base::to_text(value));
}

/// A value as Go's %v prints it: "[a b]", "map[k:v]".
std::string go_text(const Json& value) {
  std::vector<std::string> parts;
  if (value.is_string()) return std::string(value.get_string());
  if (value.is_array()) {
    for (const Json& element : value.get_array()) parts.push_back(go_text(element));
    return "[" + base::join(parts, " ") + "]";
  }
  if (!value.is_object()) return base::to_text(value);
  for (const auto& [key, element] : value.get_object())
    parts.push_back(fmt::format("{}:{}", std::string(key), go_text(element)));
  return "map[" + base::join(parts, " ") + "]";
}

/// Docker: the proxies of the file are an object; those of the command line are flags of their own.
void spread_proxies(const Json& proxies, Given& given) {
  for (const auto& [name, value] : proxies.get_object()) {
    const std::string key(name);
    if ((key != "http-proxy" && key != "https-proxy" && key != "no-proxy") || !value.is_string()) {
      fail(Kind::InvalidArgument,
           "the following directives don't match any configuration option: {}", key);
    }
    given[key] = value;
  }
}

}  // namespace

Given parse_flags(std::span<const std::string> arguments) {
  return FlagReader(arguments).read();
}

Given parse_file(std::string_view text) {
  // Docker: editors of another system put a byte order mark there.
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  if (base::trim(text).empty()) return {};
  const Json json = base::parse_json(text);
  if (json.is_null()) return {};
  if (!json.is_object())
    fail(Kind::InvalidArgument, "the configuration file must hold a JSON object");

  Given given;
  std::vector<std::string> unknown;
  for (const auto& [name, value] : json.get_object()) {
    const Option* option = option_by_key(name);
    // Docker: the proxy flags are not keys of the file; they stand in "proxies".
    if (!option || std::string_view(name).ends_with("-proxy")) {
      unknown.emplace_back(name);
    } else if (!value.is_null()) {
      check_shape(*option, value);
      if (option->key == "proxies")
        spread_proxies(value, given);
      else
        given[std::string(name)] = value;
    }
  }
  if (unknown.empty()) return given;
  fail(Kind::InvalidArgument, "the following directives don't match any configuration option: {}",
       base::join(unknown, ", "));
}

Given merge(const Given& flags, const Given& file) {
  Given merged = file;
  std::vector<std::string> conflicts;
  for (const auto& [key, value] : flags) {
    const auto found = file.find(key);
    if (found == file.end()) {
      merged[key] = value;
      continue;
    }
    if (key == "runtimes") {  // Docker: these are put together.
      for (const auto& [name, runtime] : value.get_object())
        merged[key].get_object()[name] = runtime;
      continue;
    }
    conflicts.push_back(fmt::format("{}: (from flag: {}, from file: {})", key, go_text(value),
                                    go_text(found->second)));
  }
  if (conflicts.empty()) return merged;
  fail(Kind::InvalidArgument,
       "the following directives are specified both as a flag and in the configuration file: {}",
       base::join(conflicts, ", "));
}

}  // namespace wharf::engine
