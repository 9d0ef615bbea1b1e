#include "cli/option_values.h"

#include <arpa/inet.h>

#include <charconv>

#include "base/error.h"
#include "base/strings.h"
#include "cli/config.h"
#include "cli/units.h"

namespace wharf::cli {
namespace {

[[noreturn]] void wrong(const std::string& why) {
  throw UsageError(why);
}

bool is_ip(const std::string& text) {
  std::array<unsigned char, 16> address{};
  return ::inet_pton(AF_INET, text.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), address.data()) == 1;
}

bool valid_device_mode(std::string_view mode) {
  if (mode.empty()) return false;
  std::string seen;
  for (const char c : mode) {
    if ((c != 'r' && c != 'w' && c != 'm') || seen.find(c) != std::string::npos) return false;
    seen += c;
  }
  return true;
}

/// "path:number" split at the only colon, the path absolute in /dev.
std::pair<std::string, std::string> path_and_number(const std::string& text) {
  const std::vector<std::string> parts = base::split(text, ':');
  if (parts.size() != 2) wrong("bad format: " + text);
  if (!parts[0].starts_with("/dev/")) wrong("bad format for device path: " + text);
  return {parts[0], parts[1]};
}

std::uint64_t decimal(const std::string& text, bool& bad) {
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  bad = failed != std::errc{} || end != text.data() + text.size();
  return value;
}

}  // namespace

std::string checked_env(const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::string name = text.substr(0, equals);
  if (name.empty()) wrong("invalid environment variable: " + text);
  if (equals != std::string::npos) return text;
  const char* value = std::getenv(name.c_str());
  return value ? name + "=" + value : text;
}

std::string checked_label(const std::string& text) {
  const std::string name(base::trim(text.substr(0, text.find('='))));
  if (name.empty()) wrong(fmt::format("invalid label '{}': empty name", text));
  if (name.find_first_of(" \t\n\v\f\r") != std::string::npos) {
    wrong(fmt::format("label '{}' contains whitespaces", name));
  }
  return text;
}

std::string checked_attach(const std::string& text) {
  const std::string name = base::lower(text);
  if (name == "stdin" || name == "stdout" || name == "stderr") return name;
  wrong("valid streams are STDIN, STDOUT and STDERR");
}

std::string checked_extra_host(const std::string& text) {
  std::size_t mark = text.find('=');
  if (mark == std::string::npos) mark = text.find(':');
  if (mark == std::string::npos || mark == 0)
    wrong(fmt::format("bad format for add-host: {}", base::quoted(text)));
  const std::string name = text.substr(0, mark);
  std::string address = text.substr(mark + 1);
  if (address.starts_with('[') && address.ends_with(']'))
    address = address.substr(1, address.size() - 2);
  if (address != "host-gateway" && !is_ip(address)) {
    wrong(fmt::format("invalid IP address in add-host: {}", base::quoted(address)));
  }
  return name + ":" + address;
}

std::string checked_ip_address(const std::string& text) {
  const std::string trimmed(base::trim(text));
  if (is_ip(trimmed)) return trimmed;
  wrong(fmt::format("IP address is not correctly formatted: {}", text));
}

std::string checked_dns_search(const std::string& text) {
  const std::string domain(base::trim(text));
  if (domain == ".") return domain;
  bool letter = false;
  bool valid = !domain.empty() && domain.size() < 255;
  for (const std::string& label : base::split(domain, '.')) {
    valid = valid && !label.empty() && !label.starts_with('-') && !label.ends_with('-') &&
            label.size() < 64;
    for (const char c : label) {
      valid = valid && (std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_');
      letter = letter || std::isalpha(static_cast<unsigned char>(c));
    }
  }
  if (!valid || !letter) wrong(fmt::format("{} is not a valid domain", text));
  return domain;
}

std::string checked_link(const std::string& text) {
  if (text.empty()) wrong("empty string specified for links");
  const std::size_t colons = static_cast<std::size_t>(std::count(text.begin(), text.end(), ':'));
  if (colons > 1) wrong("bad format for links: " + text);
  return text;
}

bool is_cdi_device(const std::string& text) {
  const std::size_t slash = text.find('/');
  const std::size_t equals = text.find('=');
  return slash != std::string::npos && slash > 0 && equals != std::string::npos &&
         slash + 1 < equals && equals + 1 < text.size() && text[0] != '/' &&
         text.find(':') == std::string::npos;
}

bool is_mac_address(const std::string& text) {
  const char mark = text.find(':') != std::string::npos ? ':' : '-';
  const std::vector<std::string> bytes = base::split(text, mark);
  for (const std::string& each : bytes) {
    if (each.size() != 2 || each.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
      return false;
  }
  return bytes.size() == 6 || bytes.size() == 8;
}

std::string checked_device(const std::string& text) {
  if (is_cdi_device(text)) return text;
  const std::vector<std::string> parts = base::split(text, ':');
  if (parts.size() > 3) wrong("bad format for path: " + text);
  if (parts[0].empty()) wrong("bad format for path: " + text);
  std::string inside = parts[0];
  std::string mode;
  if (parts.size() == 2) (valid_device_mode(parts[1]) ? mode : inside) = parts[1];
  if (parts.size() == 3) {
    inside = parts[1];
    mode = parts[2];
    if (!valid_device_mode(mode)) wrong("bad mode specified: " + mode);
  }
  if (!inside.starts_with('/')) wrong(inside + " is not an absolute path");
  return text;
}

std::string checked_device_rule(const std::string& text) {
  const auto bad = [&] { wrong(fmt::format("invalid device cgroup format '{}'", text)); };
  const std::vector<std::string> parts = base::split(text, ' ');
  if (parts.size() != 3 || (parts[0] != "a" && parts[0] != "b" && parts[0] != "c")) bad();
  const std::vector<std::string> numbers = base::split(parts[1], ':');
  if (numbers.size() != 2) bad();
  for (const std::string& number : numbers) {
    if (number != "*" &&
        (number.empty() || number.find_first_not_of("0123456789") != std::string::npos))
      bad();
  }
  if (parts[2].empty() || parts[2].size() > 3 ||
      parts[2].find_first_not_of("rwm") != std::string::npos)
    bad();
  return text;
}

std::string checked_sysctl(const std::string& text) {
  static constexpr const char* kNames[] = {
      "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
      "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"};
  const std::size_t equals = text.find('=');
  const std::string name = text.substr(0, equals);
  bool known = name.starts_with("net.") || name.starts_with("fs.mqueue.");
  for (const char* each : kNames) known = known || name == each;
  if (equals == std::string::npos || !known) wrong(fmt::format("sysctl '{}' is not allowed", text));
  return text;
}

std::string checked_weight_device(const std::string& text) {
  const auto [path, number] = path_and_number(text);
  bool bad = false;
  const std::uint64_t weight = decimal(number, bad);
  if (bad || (weight > 0 && (weight < 10 || weight > 1000)))
    wrong("invalid weight for device: " + text);
  return text;
}

std::string checked_throttle_bytes(const std::string& text) {
  const auto [path, number] = path_and_number(text);
  try {
    parse_memory(number);
  } catch (const UsageError&) {
    wrong(fmt::format(
        "invalid rate for device: {}. The correct format is <device-path>:<number>[<unit>]. "
        "Number must be a positive integer. Unit is optional and can be kb, mb, or gb",
        text));
  }
  return text;
}

std::string checked_throttle_count(const std::string& text) {
  const auto [path, number] = path_and_number(text);
  bool bad = false;
  decimal(number, bad);
  if (bad) {
    wrong(
        fmt::format("invalid rate for device: {}. The correct format is <device-path>:<number>. "
                    "Number must be a positive integer",
                    text));
  }
  return text;
}

base::Json throttle_json(const std::string& text, const char* number_name) {
  const auto [path, number] = path_and_number(text);
  return base::JsonObject{{"Path", path}, {number_name, parse_memory(number)}};
}

std::string checked_ulimit(const std::string& text) {
  ulimit_json(text);
  return text;
}

base::Json ulimit_json(const std::string& text) {
  static constexpr const char* kTypes[] = {"core",    "cpu",      "data",   "fsize",      "locks",
                                           "memlock", "msgqueue", "nice",   "nofile",     "nproc",
                                           "rss",     "rtprio",   "rttime", "sigpending", "stack"};
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) wrong("invalid ulimit argument: " + text);
  const std::string name = text.substr(0, equals);
  const std::string limits = text.substr(equals + 1);
  bool known = false;
  for (const char* each : kTypes) known = known || name == each;
  if (!known) wrong("invalid ulimit type: " + name);
  if (limits.empty()) wrong("invalid ulimit argument: " + text);
  const std::vector<std::string> parts = base::split(limits, ':');
  if (parts.size() > 2) {
    wrong(fmt::format("too many limit value arguments - {}, can only have up to two, `soft[:hard]`",
                      limits));
  }
  const std::int64_t soft = parse_integer(parts[0]);
  const std::int64_t hard = parts.size() == 2 ? parse_integer(parts[1]) : soft;
  if (hard != -1 && (soft == -1 || soft > hard)) {
    if (soft == -1)
      wrong(
          fmt::format("ulimit soft limit must be less than or equal to hard limit: soft: -1 "
                      "(unlimited), hard: {}",
                      hard));
    wrong(fmt::format("ulimit soft limit must be less than or equal to hard limit: {} > {}", soft,
                      hard));
  }
  return base::JsonObject{{"Name", name}, {"Hard", hard}, {"Soft", soft}};
}

base::Json device_json(const std::string& text) {
  const std::vector<std::string> parts = base::split(text, ':');
  std::string inside = parts[0];
  std::string mode = "rwm";
  if (parts.size() == 2) (valid_device_mode(parts[1]) ? mode : inside) = parts[1];
  if (parts.size() == 3) {
    inside = parts[1];
    mode = parts[2];
  }
  return base::JsonObject{
      {"PathOnHost", parts[0]}, {"PathInContainer", inside}, {"CgroupPermissions", mode}};
}

std::int64_t parse_cpus(const std::string& text) {
  const auto bad = [&] { wrong(fmt::format("failed to parse {} as a rational number", text)); };
  if (text.empty() || text.find_first_not_of("0123456789.") != std::string::npos) bad();
  const std::size_t dot = std::min(text.find('.'), text.size());
  std::string fraction = dot < text.size() ? text.substr(dot + 1) : "";
  if (fraction.find('.') != std::string::npos || (dot == 0 && fraction.empty()) || dot > 9) bad();
  while (fraction.size() > 9 && fraction.ends_with('0')) fraction.pop_back();
  if (fraction.size() > 9) wrong("value is too precise");
  fraction.resize(9, '0');
  const std::string digits = text.substr(0, dot) + fraction;
  std::int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

}  // namespace wharf::cli
