#include "supervise/logfile_record.h"

#include <cstring>

namespace wharf::supervise {
namespace {

constexpr char kHex[] = "0123456789abcdef";

/// True for the bytes that stand in a JSON text as they are.
struct PlainTable {
  bool plain[256] = {};
  constexpr PlainTable() {
    for (int c = 0x20; c < 0x80; ++c) plain[c] = true;
    for (const char c : {'\\', '"', '<', '>', '&'}) plain[static_cast<unsigned char>(c)] = false;
  }
};
constexpr PlainTable kTable;

char* put(char* out, std::string_view text) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

char* put_two_digits(char* out, unsigned number) {
  *out++ = static_cast<char>('0' + number / 10);
  *out++ = static_cast<char>('0' + number % 10);
  return out;
}

struct Rune {
  std::uint32_t value = 0;
  std::size_t size = 0;  // 0: not UTF-8
};

bool continues(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
}

/// One rune of two or more bytes, by the rules of utf8.DecodeRune: no overlong forms, no
/// surrogates, nothing past U+10FFFF.
Rune decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::uint32_t first = byte(0);
  if (first >= 0xc2 && first <= 0xdf && continues(text, 1))
    return {(first & 0x1fu) << 6 | (byte(1) & 0x3fu), 2};
  if ((first & 0xf0) == 0xe0 && continues(text, 1) && continues(text, 2)) {
    const std::uint32_t value = (first & 0xfu) << 12 | (byte(1) & 0x3fu) << 6 | (byte(2) & 0x3fu);
    if (value < 0x800 || (value >= 0xd800 && value <= 0xdfff)) return {};
    return {value, 3};
  }
  if (first >= 0xf0 && first <= 0xf4 && continues(text, 1) && continues(text, 2) &&
      continues(text, 3)) {
    const std::uint32_t value =
        (first & 7u) << 18 | (byte(1) & 0x3fu) << 12 | (byte(2) & 0x3fu) << 6 | (byte(3) & 0x3fu);
    if (value < 0x10000 || value > 0x10ffff) return {};
    return {value, 4};
  }
  return {};
}

char* put_control(char* out, unsigned char byte) {
  *out++ = '\\';
  switch (byte) {
    case '\\':
    case '"':
      *out++ = static_cast<char>(byte);
      return out;
    case '\n':
      *out++ = 'n';
      return out;
    case '\r':
      *out++ = 'r';
      return out;
    default:
      // Docker: a tab too is \u0009, since jsonlog keeps the rules of an old encoding/json.
      out = put(out, "u00");
      *out++ = kHex[byte >> 4];
      *out++ = kHex[byte & 15];
      return out;
  }
}

void civil_date(std::int64_t days, unsigned& year, unsigned& month, unsigned& day) {
  // Days since 1970 to the Gregorian calendar, counted in eras of 400 years from March.
  days += 719468;
  const std::int64_t era = days / 146097;
  const auto of_era = static_cast<unsigned>(days - era * 146097);
  const unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned from_march = (5 * of_year + 2) / 153;
  day = of_year - (153 * from_march + 2) / 5 + 1;
  month = from_march < 10 ? from_march + 3 : from_march - 9;
  year = static_cast<unsigned>(era * 400) + year_of_era + (month <= 2 ? 1 : 0);
}

}  // namespace

char* TimeText::write(char* out, std::int64_t unix_ns) {
  const std::int64_t second = unix_ns / 1'000'000'000;
  auto rest = static_cast<unsigned>(unix_ns % 1'000'000'000);
  if (second != second_) {
    second_ = second;
    unsigned year = 0, month = 0, day = 0;
    civil_date(second / 86400, year, month, day);
    const auto of_day = static_cast<unsigned>(second % 86400);
    char* at = put_two_digits(text_, year / 100);
    at = put_two_digits(at, year % 100);
    *at++ = '-';
    at = put_two_digits(at, month);
    *at++ = '-';
    at = put_two_digits(at, day);
    *at++ = 'T';
    at = put_two_digits(at, of_day / 3600);
    *at++ = ':';
    at = put_two_digits(at, of_day / 60 % 60);
    *at++ = ':';
    at = put_two_digits(at, of_day % 60);
    *at = '.';
  }
  if (rest == 0) {
    out = put(out, {text_, 19});
  } else {
    out = put(out, {text_, 20});
    unsigned digits = 9;
    for (; rest % 10 == 0; rest /= 10) --digits;
    for (unsigned i = digits; i-- > 0; rest /= 10) out[i] = static_cast<char>('0' + rest % 10);
    out += digits;
  }
  *out++ = 'Z';
  return out;
}

char* write_escaped(char* out, std::string_view text) {
  std::size_t start = 0;
  std::size_t i = 0;
  while (i < text.size()) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (kTable.plain[byte]) {
      ++i;
      continue;
    }
    const Rune rune = byte < 0x80 ? Rune{byte, 1} : decode(text.substr(i));
    const bool separator = rune.value == 0x2028 || rune.value == 0x2029;
    if (byte >= 0x80 && rune.size != 0 && !separator) {
      i += rune.size;
      continue;
    }
    out = put(out, text.substr(start, i - start));
    if (byte < 0x80) {
      out = put_control(out, byte);
    } else if (rune.size == 0) {
      out = put(out, "\\ufffd");
    } else {
      out = put(out, rune.value == 0x2028 ? "\\u2028" : "\\u2029");
    }
    i += rune.size == 0 ? 1 : rune.size;
    start = i;
  }
  return put(out, text.substr(start));
}

char* write_record(char* out, const Record& record, TimeText& time_text) {
  out = put(out, "{\"log\":\"");
  out = write_escaped(out, record.text);
  if (record.line_end) out = put(out, "\\n");
  out = put(out, "\",\"stream\":\"");
  out = put(out, record.stream);
  if (record.attrs.empty()) {
    out = put(out, "\",\"time\":\"");
  } else {
    out = put(out, "\",\"attrs\":");
    out = put(out, record.attrs);
    out = put(out, ",\"time\":\"");
  }
  out = time_text.write(out, record.unix_ns);
  return put(out, "\"}\n");
}

}  // namespace wharf::supervise
