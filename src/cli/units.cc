#include "cli/units.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/strings.h"
#include "base/time.h"
#include "cli/flags.h"

namespace wharf::cli {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

template <std::size_t N>
std::string scaled(double size, double base, int digits, const std::array<const char*, N>& units) {
  std::size_t unit = 0;
  while (size >= base && unit + 1 < N) {
    size /= base;
    ++unit;
  }
  return fmt::format("{:.{}g}{}", size, digits, units[unit]);
}

}  // namespace

std::string human_size(double bytes, int digits) {
  static constexpr std::array<const char*, 9> kUnits = {"B",  "kB", "MB", "GB", "TB",
                                                        "PB", "EB", "ZB", "YB"};
  return scaled(bytes, 1000.0, digits, kUnits);
}

std::string human_bytes(double bytes) {
  static constexpr std::array<const char*, 9> kUnits = {"B",   "KiB", "MiB", "GiB", "TiB",
                                                        "PiB", "EiB", "ZiB", "YiB"};
  return scaled(bytes, 1024.0, 4, kUnits);
}

std::string human_duration(std::int64_t nanoseconds) {
  const std::int64_t seconds = nanoseconds / kSecond;
  if (seconds < 1) return "Less than a second";
  if (seconds == 1) return "1 second";
  if (seconds < 60) return fmt::format("{} seconds", seconds);
  const std::int64_t minutes = seconds / 60;
  if (minutes == 1) return "About a minute";
  if (minutes < 60) return fmt::format("{} minutes", minutes);
  const auto hours =
      static_cast<std::int64_t>(std::round(static_cast<double>(nanoseconds) / (3600.0 * kSecond)));
  if (hours == 1) return "About an hour";
  if (hours < 48) return fmt::format("{} hours", hours);
  if (hours < 24 * 7 * 2) return fmt::format("{} days", hours / 24);
  if (hours < 24 * 30 * 2) return fmt::format("{} weeks", hours / 24 / 7);
  if (hours < 24 * 365 * 2) return fmt::format("{} months", hours / 24 / 30);
  return fmt::format("{} years", hours / 24 / 365);
}

std::int64_t parse_memory(std::string_view text) {
  // Docker: the number ends at the last digit, dot or space; the unit is b, k, m, g, t, p with
  // an optional "ib" or "b", in any case (units.RAMInBytes).
  const auto bad = [&]() { throw UsageError(fmt::format("invalid size: '{}'", text)); };
  const std::size_t last = text.find_last_of("01234567890. ");
  if (last == std::string_view::npos) bad();
  std::string_view number = text.substr(0, last + 1);
  const std::string suffix = base::lower(text.substr(last + 1));
  if (number.ends_with(' ')) number.remove_suffix(1);
  double size = 0;
  const char* begin = number.data();
  if (number.starts_with('+')) ++begin;
  const auto [end, failed] = std::from_chars(begin, number.data() + number.size(), size);
  if (failed != std::errc{} || end != number.data() + number.size()) bad();
  if (size < 0) bad();
  std::size_t power = 0;
  if (!suffix.empty()) {
    const std::size_t unit = std::string_view("bkmgtp").find(suffix[0]);
    const bool known = unit != std::string_view::npos;
    const std::string_view rest = std::string_view(suffix).substr(1);
    if (!known || (!rest.empty() && (unit == 0 || (rest != "b" && rest != "ib")))) {
      throw UsageError(fmt::format("invalid suffix: '{}'", suffix));
    }
    power = unit;
  }
  const double bytes = size * std::pow(1024.0, static_cast<double>(power));
  if (bytes > 9.2e18) bad();
  return static_cast<std::int64_t>(bytes);
}

std::int64_t parse_duration(std::string_view text) {
  try {
    return base::parse_duration_ns(text);
  } catch (const base::Error&) {
    // Go says which part is wrong: a number without a unit, or a unit it does not know.
    const std::size_t digits = text.find_first_not_of("+-0123456789.");
    const bool starts_well = !text.empty() && text.find_first_of("0123456789") < 2;
    if (starts_well && digits == std::string_view::npos) {
      throw UsageError(fmt::format("time: missing unit in duration {}", base::quoted(text)));
    }
    if (starts_well && digits > 0) {
      const std::size_t end = std::min(text.find_first_of(".0123456789", digits), text.size());
      throw UsageError(fmt::format("time: unknown unit {} in duration {}",
                                   base::quoted(text.substr(digits, end - digits)),
                                   base::quoted(text)));
    }
    throw UsageError(fmt::format("time: invalid duration {}", base::quoted(text)));
  }
}

}  // namespace wharf::cli
