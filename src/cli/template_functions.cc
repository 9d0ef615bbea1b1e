// The functions of templates, and how Go compares values.
#include "base/strings.h"
#include "cli/template.h"
#include "cli/template_nodes.h"

namespace wharf::cli {

using base::Json;

namespace templates {
namespace {

using Arguments = std::vector<Json>;

[[noreturn]] void wrong(const std::string& why) {
  throw std::runtime_error(why);
}

Json text(std::string value) {
  return Json(boost::json::string(value));
}

std::string string_argument(const Json& value) {
  if (!value.is_string())
    wrong(fmt::format("wrong type for value; expected string; got {}", go_text(value)));
  return std::string(value.get_string());
}

std::int64_t integer_argument(const Json& value) {
  if (value.is_int64()) return value.get_int64();
  if (value.is_uint64()) return static_cast<std::int64_t>(value.get_uint64());
  wrong(fmt::format("cannot index slice/array with type {}", go_text(value)));
}

Json length(const Json& value) {
  if (value.is_string()) return static_cast<std::int64_t>(value.get_string().size());
  if (value.is_array()) return static_cast<std::int64_t>(value.get_array().size());
  if (value.is_object()) return static_cast<std::int64_t>(value.get_object().size());
  wrong(value.is_null() ? "error calling len: len of nil pointer"
                        : "error calling len: len of type int");
}

Json index_one(const Json& value, const Json& key) {
  if (value.is_object()) {
    const Json* found = value.get_object().if_contains(string_argument(key));
    return found ? *found : Json();
  }
  if (value.is_null()) wrong("error calling index: index of untyped nil");
  const std::int64_t at = integer_argument(key);
  const auto size = static_cast<std::int64_t>(value.is_array()    ? value.get_array().size()
                                              : value.is_string() ? value.get_string().size()
                                                                  : 0);
  if (!value.is_array() && !value.is_string())
    wrong("error calling index: can't index item of type int");
  if (at < 0 || at >= size) wrong(fmt::format("error calling index: index out of range: {}", at));
  const auto where = static_cast<std::size_t>(at);
  if (value.is_string())
    return static_cast<std::int64_t>(static_cast<unsigned char>(value.get_string()[where]));
  return value.get_array()[where];
}

Json slice(const Arguments& arguments) {
  const Json& value = arguments.at(0);
  const Json measured = length(value);
  const std::int64_t from = arguments.size() > 1 ? integer_argument(arguments[1]) : 0;
  const std::int64_t to =
      arguments.size() > 2 ? integer_argument(arguments[2]) : measured.get_int64();
  if (from < 0 || to < from || to > measured.get_int64()) {
    wrong(fmt::format("error calling slice: index out of range: {}", to < from ? from : to));
  }
  const auto first = static_cast<std::size_t>(from);
  const auto count = static_cast<std::size_t>(to - from);
  if (value.is_string()) return text(std::string(value.get_string()).substr(first, count));
  if (!value.is_array()) wrong("error calling slice: can't slice item of type map");
  base::JsonArray out;
  for (std::size_t i = first; i < first + count; ++i) out.push_back(value.get_array()[i]);
  return out;
}

Json joined(const Json& values, const std::string& separator) {
  std::vector<std::string> parts;
  if (values.is_array()) {
    for (const Json& each : values.get_array()) parts.push_back(go_text(each));
  } else if (values.is_object()) {
    for (const auto& member : values.get_object())
      parts.push_back(std::string(member.key()) + ":" + go_text(member.value()));
  } else if (!values.is_null()) {
    wrong("error calling join: expected a slice or a map");
  }
  return text(base::join(parts, separator));
}

Json split_text(const std::string& whole, const std::string& separator) {
  base::JsonArray out;
  std::size_t at = 0;
  while (!separator.empty()) {
    const std::size_t found = whole.find(separator, at);
    out.push_back(text(whole.substr(at, found - at)));
    if (found == std::string::npos) return out;
    at = found + separator.size();
  }
  for (const char c : whole) out.push_back(text(std::string(1, c)));
  return out;
}

std::string changed_case(std::string value, bool upper) {
  for (char& c : value) {
    if (upper && c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    if (!upper && c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return value;
}

std::string title(std::string value) {
  bool start = true;
  for (char& c : value) {
    if (start && c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    start = std::isspace(static_cast<unsigned char>(c));
  }
  return value;
}

Json padded(const Arguments& arguments) {
  const std::string value = string_argument(arguments.at(0));
  const auto before =
      static_cast<std::size_t>(std::max<std::int64_t>(0, integer_argument(arguments.at(1))));
  const auto after =
      static_cast<std::size_t>(std::max<std::int64_t>(0, integer_argument(arguments.at(2))));
  return text(value.empty() ? "" : std::string(before, ' ') + value + std::string(after, ' '));
}

/// -1, 0 or 1; throws for values Go does not compare.
int order(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) {
    const double left = a.to_number<double>();
    const double right = b.to_number<double>();
    return left < right ? -1 : left > right ? 1 : 0;
  }
  if (a.is_string() && b.is_string()) {
    const int result = std::string_view(a.get_string()).compare(b.get_string());
    return result < 0 ? -1 : result > 0 ? 1 : 0;
  }
  wrong("incompatible types for comparison");
}

bool equal(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) return order(a, b) == 0;
  if (a.kind() != b.kind() && !a.is_null() && !b.is_null())
    wrong("incompatible types for comparison");
  return a == b;
}

bool equal_to_any(const Arguments& arguments) {
  if (arguments.size() < 2) wrong("missing argument for comparison");
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    if (equal(arguments[0], arguments[i])) return true;
  }
  return false;
}

std::string pad_verb(std::string value, const std::string& flags) {
  const bool left = flags.find('-') != std::string::npos;
  const std::size_t digit = flags.find_first_of("123456789");
  if (digit == std::string::npos) return value;
  const std::size_t width = std::stoul(flags.substr(digit));
  if (value.size() >= width) return value;
  const bool zeros = !left && digit > 0 && flags[digit - 1] == '0';
  const std::string fill(width - value.size(), zeros ? '0' : ' ');
  return left ? value + fill : fill + value;
}

/// One verb of printf: %v %s %d %q %t %x %f, %T is not offered.
std::string formatted(char verb, const std::string& flags, const Json& value) {
  if (verb == 'q') return pad_verb(base::quoted(go_text(value)), flags);
  if (verb == 'd' && !value.is_int64() && !value.is_uint64())
    return fmt::format("%!d({}={})", value.is_string() ? "string" : "float64", go_text(value));
  if (verb == 'x' && value.is_int64())
    return pad_verb(fmt::format("{:x}", value.get_int64()), flags);
  if (verb == 'f' && value.is_number()) {
    const std::size_t dot = flags.find('.');
    const int digits = dot == std::string::npos ? 6 : std::atoi(flags.c_str() + dot + 1);
    return pad_verb(fmt::format("{:.{}f}", value.to_number<double>(), digits),
                    flags.substr(0, dot));
  }
  return pad_verb(go_text(value), flags);
}

std::string print_formatted(const Arguments& arguments) {
  const std::string pattern = string_argument(arguments.at(0));
  std::string out;
  std::size_t used = 1;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%') {
      out += pattern[i];
      continue;
    }
    const std::size_t end =
        std::min(pattern.find_first_not_of("+-# 0123456789.", i + 1), pattern.size());
    if (end == pattern.size()) return out + "%!(NOVERB)";
    const char verb = pattern[end];
    const std::string flags = pattern.substr(i + 1, end - i - 1);
    i = end;
    if (verb == '%') {
      out += '%';
    } else if (used >= arguments.size()) {
      out += fmt::format("%!{}(MISSING)", verb);
    } else {
      out += formatted(verb, flags, arguments[used++]);
    }
  }
  return out;
}

std::string printed(const Arguments& arguments, bool line) {
  std::string out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    // Print puts spaces only between operands of which neither is a string; Println always.
    if (i > 0 && (line || (!arguments[i].is_string() && !arguments[i - 1].is_string()))) out += ' ';
    out += go_text(arguments[i]);
  }
  return line ? out + "\n" : out;
}

struct Function {
  std::string_view name;
  std::size_t least;
  std::size_t most;
  Json (*call)(const Arguments&);
};

constexpr std::size_t kAny = 99;

const Function kFunctions[] = {
    {"json", 1, 1, [](const Arguments& a) { return text(base::to_text(a[0])); }},
    {"split", 2, 2,
     [](const Arguments& a) { return split_text(string_argument(a[0]), string_argument(a[1])); }},
    {"join", 2, 2, [](const Arguments& a) { return joined(a[0], string_argument(a[1])); }},
    {"title", 1, 1, [](const Arguments& a) { return text(title(string_argument(a[0]))); }},
    {"lower", 1, 1,
     [](const Arguments& a) { return text(changed_case(string_argument(a[0]), false)); }},
    {"upper", 1, 1,
     [](const Arguments& a) { return text(changed_case(string_argument(a[0]), true)); }},
    {"pad", 3, 3, padded},
    {"truncate", 2, 2,
     [](const Arguments& a) {
       return text(string_argument(a[0]).substr(
           0, static_cast<std::size_t>(std::max<std::int64_t>(0, integer_argument(a[1])))));
     }},
    {"len", 1, 1, [](const Arguments& a) { return length(a[0]); }},
    {"index", 1, kAny,
     [](const Arguments& a) {
       Json value = a[0];
       for (std::size_t i = 1; i < a.size(); ++i) value = Json(index_one(value, a[i]));
       return value;
     }},
    {"slice", 1, 3, slice},
    {"print", 0, kAny, [](const Arguments& a) { return text(printed(a, false)); }},
    {"println", 0, kAny, [](const Arguments& a) { return text(printed(a, true)); }},
    {"printf", 1, kAny, [](const Arguments& a) { return text(print_formatted(a)); }},
    {"not", 1, 1, [](const Arguments& a) { return Json(!is_true(a[0])); }},
    {"and", 1, kAny,
     [](const Arguments& a) {
       for (const Json& each : a) {
         if (!is_true(each)) return each;
       }
       return a.back();
     }},
    {"or", 1, kAny,
     [](const Arguments& a) {
       for (const Json& each : a) {
         if (is_true(each)) return each;
       }
       return a.back();
     }},
    {"eq", 1, kAny, [](const Arguments& a) { return Json(equal_to_any(a)); }},
    {"ne", 2, 2, [](const Arguments& a) { return Json(!equal(a[0], a[1])); }},
    {"lt", 2, 2, [](const Arguments& a) { return Json(order(a[0], a[1]) < 0); }},
    {"le", 2, 2, [](const Arguments& a) { return Json(order(a[0], a[1]) <= 0); }},
    {"gt", 2, 2, [](const Arguments& a) { return Json(order(a[0], a[1]) > 0); }},
    {"ge", 2, 2, [](const Arguments& a) { return Json(order(a[0], a[1]) >= 0); }},
};

const Function* find_function(std::string_view name) {
  for (const Function& each : kFunctions) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

}  // namespace

bool is_function(std::string_view name) {
  return find_function(name) != nullptr;
}

Json call_function(const std::string& name, const Arguments& arguments) {
  const Function& function = *find_function(name);
  if (arguments.size() < function.least || arguments.size() > function.most) {
    wrong(fmt::format("wrong number of args for {}: want {}{} got {}", name,
                      function.most == kAny ? "at least " : "", function.least, arguments.size()));
  }
  return function.call(arguments);
}

bool is_true(const Json& value) {
  if (value.is_bool()) return value.get_bool();
  if (value.is_number()) return value.to_number<double>() != 0;
  if (value.is_string()) return !value.get_string().empty();
  if (value.is_array()) return !value.get_array().empty();
  return value.is_object() && !value.get_object().empty();
}

}  // namespace templates
}  // namespace wharf::cli
