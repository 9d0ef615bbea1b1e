#include "shipping/destination.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "shipping/drivers.h"

namespace wharf::shipping {

namespace {

using base::Kind;

struct Driver {
  std::string_view name;
  void (*check)(const Options&);
  std::unique_ptr<Destination> (*make)(const Subject&);
};

constexpr Driver kDrivers[] = {
    {"awslogs", check_awslogs, make_awslogs}, {"fluentd", check_fluentd, make_fluentd},
    {"gelf", check_gelf, make_gelf},          {"journald", check_journald, make_journald},
    {"splunk", check_splunk, make_splunk},    {"syslog", check_syslog, make_syslog}};

const Driver& driver_of(const std::string& name) {
  const auto* found = std::ranges::find(kDrivers, name, &Driver::name);
  if (found != std::end(kDrivers)) return *found;
  base::fail(Kind::InvalidArgument, "error looking up logging plugin {}: plugin {} not found", name,
             base::quoted(name));
}

}  // namespace

const std::vector<std::string>& shipping_drivers() {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> names;
    for (const Driver& driver : kDrivers) names.emplace_back(driver.name);
    return names;
  }();
  return kNames;
}

bool ships(const std::string& driver) {
  return std::ranges::find(kDrivers, driver, &Driver::name) != std::end(kDrivers);
}

void check_options(const std::string& driver, const Options& options) {
  driver_of(driver).check(options);
}

std::unique_ptr<Destination> make_destination(const Subject& subject) {
  return driver_of(subject.driver).make(subject);
}

bool is_common_name(std::string_view name) {
  static constexpr std::string_view kCommon[] = {"tag", "labels", "labels-regex", "env",
                                                 "env-regex"};
  return std::ranges::find(kCommon, name) != std::end(kCommon);
}

void check_names(const Options& options, std::string_view driver,
                 std::initializer_list<std::string_view> names) {
  for (const auto& [name, value] : options) {
    if (is_common_name(name) || std::ranges::find(names, name) != names.end()) continue;
    base::fail(Kind::InvalidArgument, "unknown log opt '{}' for {} log driver", name, driver);
  }
}

bool parse_bool(const std::string& text) {
  for (const char* yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (text == yes) return true;
  }
  for (const char* no : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (text == no) return false;
  }
  base::fail(Kind::InvalidArgument, "strconv.ParseBool: parsing {}: invalid syntax",
             base::quoted(text));
}

std::optional<std::int64_t> parse_integer(const std::string& text) {
  std::int64_t number = 0;
  const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
  const char* end = text.data() + text.size();
  const auto [last, failed] = std::from_chars(begin, end, number);
  if (failed != std::errc() || last != end) return std::nullopt;
  return number;
}

std::int64_t parse_bytes(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [last, failed] = std::from_chars(text.data(), end, value);
  std::string unit =
      base::lower(base::trim(std::string_view(last, static_cast<std::size_t>(end - last))));
  if (unit.ends_with("ib")) unit = unit.substr(0, unit.size() - 2);
  if (unit.ends_with("b")) unit.pop_back();
  static constexpr std::string_view kUnits = "kmgtp";
  const std::size_t power = unit.size() == 1 ? kUnits.find(unit[0]) + 1 : 0;
  const bool known = unit.empty() || (unit.size() == 1 && power > 0);
  const double bytes = value * static_cast<double>(1ULL << (10 * power));
  if (failed != std::errc() || !known || bytes > 9e18 || value < 0) {
    base::fail(Kind::InvalidArgument, "invalid size: '{}'", text);
  }
  return static_cast<std::int64_t>(bytes);
}

Target parse_target(const std::string& address) {
  const std::size_t at = address.find("://");
  if (at == std::string::npos) return {"", address};
  return {base::lower(address.substr(0, at)), address.substr(at + 3)};
}

std::string json_string(std::string_view text) {
  return base::to_text(base::Json(boost::json::string_view(text.data(), text.size())));
}

}  // namespace wharf::shipping
