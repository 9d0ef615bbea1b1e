#include "archive/tar_header.h"

#include <charconv>

#include "base/error.h"
#include "base/strings.h"

namespace wharf::archive {
namespace {

using namespace std::string_view_literals;

bool is_ustar(std::string_view block) {
  return block.substr(kMagicOffset, 8) == "ustar\00000"sv;
}
bool is_gnu(std::string_view block) {
  return block.substr(kMagicOffset, 8) == "ustar  \0"sv;
}
bool is_star(std::string_view block) {
  return is_ustar(block) && block.substr(508, 4) == "tar\0"sv;
}

std::int64_t base256(std::string_view bytes, const char* called) {
  const bool negative = (bytes[0] & 0x40) != 0;
  std::uint64_t value = negative ? ~0ULL : 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto byte = static_cast<unsigned char>(bytes[i]);
    if (i == 0) byte = static_cast<unsigned char>(negative ? byte | 0x80 : byte & 0x7f);
    // What is shifted out must be nothing but sign.
    const bool fits = negative ? value >> 55 == (1ULL << 9) - 1 : value >> 55 == 0;
    if (!fits) invalid_header(fmt::format("{} does not fit in 64 bits", called));
    value = value << 8 | byte;
  }
  return static_cast<std::int64_t>(value);
}

}  // namespace

void invalid_header(std::string_view why) {
  base::fail(base::Kind::InvalidArgument, "archive/tar: invalid tar header: {}", why);
}

std::string_view text_field(std::string_view block, FieldPlace place) {
  const std::string_view field = block.substr(place.offset, place.size);
  return field.substr(0, field.find('\0'));
}

std::int64_t number_field(std::string_view block, FieldPlace place, const char* called) {
  std::string_view field = block.substr(place.offset, place.size);
  if (static_cast<unsigned char>(field[0]) & 0x80) return base256(field, called);
  // Some writers pad with spaces on the left, some with NUL or spaces on the right.
  const std::size_t first = field.find_first_not_of(" \0"sv);
  if (first == std::string_view::npos) return 0;
  field = field.substr(first);
  field = field.substr(0, field.find_first_of(" \0"sv));
  std::int64_t value = 0;
  const auto [end, failed] = std::from_chars(field.data(), field.data() + field.size(), value, 8);
  if (failed != std::errc{} || end != field.data() + field.size()) {
    invalid_header(fmt::format("{} is not an octal number", called));
  }
  return value;
}

std::uint32_t checksum_of(std::string_view block) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const bool own = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.size;
    sum += own ? ' ' : static_cast<unsigned char>(block[i]);
  }
  return sum;
}

bool checksum_holds(std::string_view block) {
  const std::int64_t written = number_field(block, kChecksum, "checksum");
  if (written == checksum_of(block)) return true;
  // Some old writers summed signed bytes.
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const bool own = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.size;
    sum += own ? ' ' : static_cast<signed char>(block[i]);
  }
  return written == sum;
}

std::string header_name(std::string_view block) {
  std::string name(text_field(block, kName));
  if (!is_ustar(block)) return name;
  // star keeps access and change times in the last 24 bytes of the prefix.
  const FieldPlace place = is_star(block) ? FieldPlace{kPrefix.offset, 131} : kPrefix;
  const std::string_view prefix = text_field(block, place);
  return prefix.empty() ? name : fmt::format("{}/{}", prefix, name);
}

bool has_ustar_fields(std::string_view block) {
  return is_ustar(block) || is_gnu(block);
}

std::map<std::string, std::string> parse_pax(std::string_view payload) {
  std::map<std::string, std::string> records;
  while (!payload.empty()) {
    std::size_t length = 0;
    const auto [end, failed] = std::from_chars(
        payload.data(), payload.data() + std::min<std::size_t>(payload.size(), 8), length);
    const auto digits = static_cast<std::size_t>(end - payload.data());
    if (failed != std::errc{} || length > payload.size() || length < digits + 3 || *end != ' ' ||
        payload[length - 1] != '\n') {
      invalid_header("malformed PAX record");
    }
    const std::string_view record = payload.substr(digits + 1, length - digits - 2);
    const std::size_t equals = record.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      invalid_header("PAX record without a key");
    }
    records.insert_or_assign(std::string(record.substr(0, equals)),
                             std::string(record.substr(equals + 1)));
    payload.remove_prefix(length);
  }
  return records;
}

PaxTime parse_pax_time(std::string_view text) {
  const std::string_view whole = text;
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  std::int64_t seconds = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
  if (failed != std::errc{} || seconds < 0 || (!rest.empty() && rest[0] != '.')) {
    invalid_header(fmt::format("bad PAX time {}", base::quoted(whole.substr(0, 64))));
  }
  if (!rest.empty()) rest.remove_prefix(1);
  std::uint32_t nanoseconds = 0;
  for (std::size_t i = 0; i < 9; ++i) {
    const char digit = i < rest.size() ? rest[i] : '0';
    if (digit < '0' || digit > '9') invalid_header("bad PAX time");
    nanoseconds = nanoseconds * 10 + static_cast<std::uint32_t>(digit - '0');
  }
  if (!negative) return {seconds, nanoseconds};
  if (nanoseconds == 0) return {-seconds, 0};
  return {-seconds - 1, 1'000'000'000 - nanoseconds};
}

std::uint64_t parse_pax_number(std::string_view text, const char* called) {
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || failed != std::errc{} || end != text.data() + text.size() ||
      value > INT64_MAX) {
    invalid_header(fmt::format("bad PAX {}", called));
  }
  return value;
}

}  // namespace wharf::archive
