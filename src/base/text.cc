#include "base/text.h"

#include <cstring>

namespace wharf::base {
namespace {

constexpr char kDigits[] = "0123456789abcdef";
constexpr std::int64_t kSecond = 1'000'000'000;

struct Day {
  std::uint64_t year;
  std::uint64_t month;
  std::uint64_t day;
};

/// The Gregorian date of a day number since 1970-01-01, counted in eras of 400 years that
/// begin on the first of March, so that the leap day is the last of its year.
Day day_of(std::int64_t days) {
  days += 719'468;
  const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const auto day_of_era = static_cast<std::uint64_t>(days - era * 146'097);
  const std::uint64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::uint64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::uint64_t shifted_month = (5 * day_of_year + 2) / 153;
  const std::uint64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  const auto year = static_cast<std::uint64_t>(era * 400) + year_of_era + (month <= 2 ? 1 : 0);
  return {year, month, day_of_year - (153 * shifted_month + 2) / 5 + 1};
}

}  // namespace

void Writer::one(std::string_view text) {
  std::size_t length = text.size();
  if (length > capacity_ - size_) {
    length = capacity_ - size_;
    truncated_ = true;
  }
  if (length > 0) std::memcpy(memory_ + size_, text.data(), length);
  size_ += length;
  memory_[size_] = '\0';
}

void Writer::shorten(std::size_t size) {
  if (size >= size_) return;
  size_ = size;
  memory_[size_] = '\0';
}

void Writer::signed_decimal(std::int64_t number) {
  if (number < 0) one('-');
  // Negated as unsigned: the most negative number has no positive twin.
  digits(number < 0 ? 0 - static_cast<std::uint64_t>(number) : static_cast<std::uint64_t>(number),
         10);
}

void Writer::digits(std::uint64_t number, unsigned base) {
  char buffer[24];
  std::size_t at = sizeof buffer;
  do {
    buffer[--at] = kDigits[number % base];
    number /= base;
  } while (number > 0);
  one(std::string_view(buffer + at, sizeof buffer - at));
}

void Writer::padded(std::uint64_t number, unsigned width) {
  char buffer[20];
  for (unsigned i = width; i > 0; --i) {
    buffer[i - 1] = kDigits[number % 10];
    number /= 10;
  }
  one(std::string_view(buffer, width));
}

void Writer::one(Quoted quoted) {
  one('"');
  for (const char letter : quoted.text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (letter == '"' || letter == '\\') {
      one('\\');
      one(letter);
    } else if (letter == '\n') {
      one("\\n");
    } else if (letter == '\t') {
      one("\\t");
    } else if (letter == '\r') {
      one("\\r");
    } else if (byte < 0x20) {
      one("\\u00");
      one(kDigits[byte >> 4]);
      one(kDigits[byte & 15]);
    } else {
      one(letter);
    }
  }
  one('"');
}

void Writer::one(Rfc3339 time) {
  std::int64_t seconds = time.nanoseconds / kSecond;
  std::int64_t fraction = time.nanoseconds % kSecond;
  if (fraction < 0) {
    fraction += kSecond;
    --seconds;
  }
  std::int64_t days = seconds / 86'400;
  std::int64_t rest = seconds % 86'400;
  if (rest < 0) {
    rest += 86'400;
    --days;
  }
  const Day date = day_of(days);
  const auto clock = static_cast<std::uint64_t>(rest);
  padded(date.year, 4);
  one('-');
  padded(date.month, 2);
  one('-');
  padded(date.day, 2);
  one('T');
  padded(clock / 3600, 2);
  one(':');
  padded(clock / 60 % 60, 2);
  one(':');
  padded(clock % 60, 2);
  if (fraction > 0) {
    one('.');
    padded(static_cast<std::uint64_t>(fraction), 9);
    while (memory_[size_ - 1] == '0') shorten(size_ - 1);
  }
  one('Z');
}

bool parse_number(std::string_view text, std::uint64_t& number) {
  if (text.empty()) return false;
  std::uint64_t value = 0;
  for (const char letter : text) {
    if (letter < '0' || letter > '9') return false;
    const auto digit = static_cast<std::uint64_t>(letter - '0');
    if (value > (UINT64_MAX - digit) / 10) return false;
    value = value * 10 + digit;
  }
  number = value;
  return true;
}

bool parse_number(std::string_view text, std::int64_t& number) {
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) text.remove_prefix(1);
  std::uint64_t magnitude = 0;
  if (!parse_number(text, magnitude)) return false;
  const std::uint64_t limit = static_cast<std::uint64_t>(INT64_MAX) + (negative ? 1 : 0);
  if (magnitude > limit) return false;
  number = static_cast<std::int64_t>(negative ? 0 - magnitude : magnitude);
  return true;
}

std::string_view split(std::string_view& rest, char separator) {
  const std::size_t at = rest.find(separator);
  const std::string_view first(rest.data(), at == rest.npos ? rest.size() : at);
  rest.remove_prefix(at == rest.npos ? rest.size() : at + 1);
  return first;
}

}  // namespace wharf::base
