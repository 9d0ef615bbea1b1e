// The items of a tar record as bytes (docs/formats/tar-record.md). Inside room archive only.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace wharf::archive {

inline constexpr std::string_view kRecordMagic = "WHARFTR1";

/// Each item starts with one of these.
inline constexpr char kRawItem = 'R';      ///< u32 length, bytes
inline constexpr char kContentItem = 'C';  ///< u64 size, u16 length, path
inline constexpr char kAsideItem = 'A';    ///< u64 before, u32 number, u16 length, path
inline constexpr char kEndItem = 'E';      ///< u16 length, digest of the tar

/// Little-endian, as every machine this runs on.
template <class Number>
void put_number(std::string& out, Number value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

inline void put_text(std::string& out, std::string_view text) {
  put_number(out, static_cast<std::uint16_t>(text.size()));
  out.append(text);
}

}  // namespace wharf::archive
