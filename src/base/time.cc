#include "base/time.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include "base/error.h"

namespace wharf::base {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::int64_t read_clock(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

struct Parts {
  std::int64_t seconds;
  std::int64_t nanoseconds;
};

Parts floor_parts(std::int64_t unix_ns) {
  std::int64_t seconds = unix_ns / kSecond;
  std::int64_t rest = unix_ns % kSecond;
  if (rest < 0) {
    rest += kSecond;
    --seconds;
  }
  return {seconds, rest};
}

std::string date_and_time(std::int64_t seconds) {
  const time_t when = seconds;
  tm utc{};
  ::gmtime_r(&when, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

/// Reads exactly `digits` digits at `at` and moves on.
int digits_at(std::string_view text, std::size_t& at, std::size_t digits) {
  int value = 0;
  if (at + digits > text.size()) fail(Kind::InvalidArgument, "cannot parse \"{}\" as a time", text);
  for (std::size_t i = 0; i < digits; ++i, ++at) {
    if (text[at] < '0' || text[at] > '9')
      fail(Kind::InvalidArgument, "cannot parse \"{}\" as a time", text);
    value = value * 10 + (text[at] - '0');
  }
  return value;
}

/// ".5" at `at`, as nanoseconds; digits after the ninth are dropped.
std::int64_t fraction_at(std::string_view text, std::size_t& at) {
  std::int64_t value = 0;
  std::int64_t scale = kSecond / 10;
  for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    value += (text[at] - '0') * scale;
    scale /= 10;
  }
  return value;
}

void expect_at(std::string_view text, std::size_t& at, std::string_view wanted) {
  if (at >= text.size() || std::find(wanted.begin(), wanted.end(), text[at]) == wanted.end()) {
    fail(Kind::InvalidArgument, "cannot parse \"{}\" as a time", text);
  }
  ++at;
}

[[noreturn]] void out_of_range(std::string_view text, const char* what) {
  fail(Kind::InvalidArgument, "cannot parse \"{}\" as a time: {} out of range", text, what);
}

/// As Go: "2261-99-99" is no date, and its nanoseconds would not fit in 64 bits.
void check_ranges(const tm& utc, std::string_view text) {
  static constexpr std::array kDays = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const int year = utc.tm_year + 1900;
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  if (utc.tm_mon < 0 || utc.tm_mon > 11) out_of_range(text, "month");
  const int last = utc.tm_mon == 1 && !leap ? 28 : kDays[static_cast<std::size_t>(utc.tm_mon)];
  if (utc.tm_mday < 1 || utc.tm_mday > last) out_of_range(text, "day");
  if (utc.tm_hour > 23) out_of_range(text, "hour");
  if (utc.tm_min > 59) out_of_range(text, "minute");
  if (utc.tm_sec > 59) out_of_range(text, "second");
}

/// timegm(3), which takes the lock of the time zone for each of a log's records.
std::int64_t seconds_of(const tm& utc) {
  const std::chrono::year_month_day day{std::chrono::year{utc.tm_year + 1900},
                                        std::chrono::month{static_cast<unsigned>(utc.tm_mon) + 1},
                                        std::chrono::day{static_cast<unsigned>(utc.tm_mday)}};
  const std::int64_t days = std::chrono::sys_days{day}.time_since_epoch().count();
  return days * 86'400 + utc.tm_hour * 3600 + utc.tm_min * 60 + utc.tm_sec;
}

}  // namespace

Time now() {
  return {read_clock(CLOCK_REALTIME)};
}

std::int64_t monotonic_ns() {
  return read_clock(CLOCK_MONOTONIC);
}

std::string rfc3339_nano(Time time) {
  if (time.is_zero()) return "0001-01-01T00:00:00Z";
  const Parts parts = floor_parts(time.unix_ns);
  std::string text = date_and_time(parts.seconds);
  if (parts.nanoseconds) {
    text += fmt::format(".{:09}", parts.nanoseconds);
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text + "Z";
}

std::string rfc3339_nano_fixed(Time time) {
  const Parts parts = floor_parts(time.is_zero() ? 0 : time.unix_ns);
  return fmt::format("{}.{:09}Z", date_and_time(parts.seconds), parts.nanoseconds);
}

Time parse_rfc3339(std::string_view text) {
  std::size_t at = 0;
  tm utc{};
  utc.tm_year = digits_at(text, at, 4) - 1900;
  expect_at(text, at, "-");
  utc.tm_mon = digits_at(text, at, 2) - 1;
  expect_at(text, at, "-");
  utc.tm_mday = digits_at(text, at, 2);
  expect_at(text, at, "Tt ");
  utc.tm_hour = digits_at(text, at, 2);
  expect_at(text, at, ":");
  utc.tm_min = digits_at(text, at, 2);
  expect_at(text, at, ":");
  utc.tm_sec = digits_at(text, at, 2);
  std::int64_t nanoseconds = 0;
  if (at < text.size() && text[at] == '.') nanoseconds = fraction_at(text, at);
  std::int64_t offset = 0;
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
    const int sign = text[at++] == '-' ? -1 : 1;
    const int hours = digits_at(text, at, 2);
    expect_at(text, at, ":");
    const int minutes = digits_at(text, at, 2);
    if (hours > 24 || minutes > 60) out_of_range(text, "time zone offset");
    offset = sign * (hours * 3600 + minutes * 60);
  } else {
    expect_at(text, at, "Zz");
  }
  if (at != text.size()) fail(Kind::InvalidArgument, "cannot parse \"{}\" as a time", text);
  check_ranges(utc, text);
  if (utc.tm_year + 1900 < 1678 || utc.tm_year + 1900 > 2261) return {};
  return {(seconds_of(utc) - offset) * kSecond + nanoseconds};
}

Time parse_time_parameter(std::string_view text) {
  if (text.find('-', 1) != std::string_view::npos) return parse_rfc3339(text);
  std::int64_t seconds = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (failed != std::errc{}) fail(Kind::InvalidArgument, "invalid value for time: \"{}\"", text);
  auto at = static_cast<std::size_t>(end - text.data());
  std::int64_t nanoseconds = 0;
  if (at < text.size() && text[at] == '.') nanoseconds = fraction_at(text, at);
  if (at != text.size() || seconds > INT64_MAX / kSecond - 1 ||
      seconds < -(INT64_MAX / kSecond - 1)) {
    fail(Kind::InvalidArgument, "invalid value for time: \"{}\"", text);
  }
  return {seconds * kSecond + nanoseconds};
}

std::int64_t parse_duration_ns(std::string_view text) {
  struct Unit {
    std::string_view name;
    std::int64_t ns;
  };
  static constexpr std::array<Unit, 8> kUnits = {{{"ns", 1},
                                                  {"us", 1000},
                                                  {"µs", 1000},
                                                  {"ms", 1'000'000},
                                                  {"s", kSecond},
                                                  {"m", 60 * kSecond},
                                                  {"h", 3600 * kSecond},
                                                  {"", 0}}};
  const auto bad = [&]() { fail(Kind::InvalidArgument, "time: invalid duration \"{}\"", text); };
  std::string_view rest = text;
  std::int64_t sign = 1;
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
    sign = rest[0] == '-' ? -1 : 1;
    rest.remove_prefix(1);
  }
  if (rest == "0") return 0;
  if (rest.empty()) bad();
  double total = 0;
  while (!rest.empty()) {
    double number = 0;
    // from_chars also reads "nan", which no comparison below would catch.
    if ((rest[0] < '0' || rest[0] > '9') && rest[0] != '.') bad();
    const auto [end, failed] =
        std::from_chars(rest.data(), rest.data() + rest.size(), number, std::chars_format::fixed);
    if (failed != std::errc{}) bad();
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const std::size_t length = std::min(rest.find_first_of("0123456789."), rest.size());
    std::int64_t unit = 0;
    for (const Unit& each : kUnits) {
      if (!each.name.empty() && each.name == rest.substr(0, length)) unit = each.ns;
    }
    if (!unit) bad();
    total += number * static_cast<double>(unit);
    rest.remove_prefix(length);
  }
  if (total > 9.2e18) bad();
  return sign * static_cast<std::int64_t>(total);
}

}  // namespace wharf::base
