// One 512-byte tar header: where its fields lie, and how numbers are written in them.
// Inside room archive only.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace wharf::archive {

inline constexpr std::size_t kBlock = 512;

struct FieldPlace {
  std::size_t offset;
  std::size_t size;
};
inline constexpr FieldPlace kName{0, 100}, kMode{100, 8}, kUid{108, 8}, kGid{116, 8},
    kSize{124, 12}, kMtime{136, 12}, kChecksum{148, 8}, kLink{157, 100}, kMajor{329, 8},
    kMinor{337, 8}, kPrefix{345, 155};
inline constexpr std::size_t kTypeOffset = 156, kMagicOffset = 257;

/// "archive/tar: invalid tar header: WHY" (Docker: the first part is Go's text).
[[noreturn]] void invalid_header(std::string_view why);

/// Up to the first NUL.
std::string_view text_field(std::string_view block, FieldPlace place);

/// Octal text, or base-256 where the first byte has its high bit (GNU, star).
std::int64_t number_field(std::string_view block, FieldPlace place, const char* called);

bool checksum_holds(std::string_view block);

/// What the checksum field of `block` must say.
std::uint32_t checksum_of(std::string_view block);

/// "prefix/name" where the format has a prefix.
std::string header_name(std::string_view block);

/// Whether device numbers, owner names and prefix are there at all (not in v7 headers).
bool has_ustar_fields(std::string_view block);

/// Reads "LENGTH KEY=VALUE\n" records (POSIX.1-2001, pax). The last of equal keys holds.
std::map<std::string, std::string> parse_pax(std::string_view payload);

/// "1234.5678", maybe negative: seconds rounded down and nanoseconds.
struct PaxTime {
  std::int64_t seconds;
  std::uint32_t nanoseconds;
};
PaxTime parse_pax_time(std::string_view text);

/// A decimal number that is not negative.
std::uint64_t parse_pax_number(std::string_view text, const char* called);

}  // namespace wharf::archive
