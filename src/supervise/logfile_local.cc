#include "supervise/logfile_local.h"

#include <string.h>

namespace wharf::supervise {
namespace {

// (number << 3) | wire type: 0 is a varint, 2 is bytes with their length.
enum Tag : unsigned char {
  kSource = 0x0a,
  kTime = 0x10,
  kLine = 0x1a,
  kPartial = 0x20,
  kMetadata = 0x2a,
  kLast = 0x08,
  kId = 0x12,
  kOrdinal = 0x18,
};

char* put_byte(char* out, unsigned char byte) {
  *out = static_cast<char>(byte);
  return out + 1;
}

char* put_varint(char* out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    out = put_byte(out, static_cast<unsigned char>(value & 0x7f) | 0x80);
  return put_byte(out, static_cast<unsigned char>(value));
}

char* put_bytes(char* out, Tag tag, std::string_view bytes) {
  if (bytes.empty()) return out;  // proto3: what is the default is not written.
  out = put_varint(put_byte(out, tag), bytes.size());
  memcpy(out, bytes.data(), bytes.size());
  return out + bytes.size();
}

char* put_number(char* out, Tag tag, std::uint64_t value) {
  return value == 0 ? out : put_varint(put_byte(out, tag), value);
}

char* put_length(char* out, std::uint32_t length) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out = put_byte(out, static_cast<unsigned char>(length >> shift));
  return out;
}

char* put_metadata(char* out, const Piece& piece) {
  char entry[128];
  char* end = put_number(entry, kLast, piece.last ? 1 : 0);
  end = put_bytes(end, kId, piece.id.substr(0, 64));
  end = put_number(end, kOrdinal, piece.ordinal);
  return put_bytes(out, kMetadata, {entry, static_cast<std::size_t>(end - entry)});
}

}  // namespace

char* write_local_record(char* out, const LocalRecord& record) {
  char* const begin = out + kLocalLengthBytes;
  char* end = put_bytes(begin, kSource, record.source);
  end = put_number(end, kTime, static_cast<std::uint64_t>(record.unix_ns));
  end = put_bytes(end, kLine, record.text);
  if (!record.piece.id.empty()) {
    end = put_number(end, kPartial, 1);
    end = put_metadata(end, record.piece);
  }
  const auto length = static_cast<std::uint32_t>(end - begin);
  put_length(out, length);
  return put_length(end, length);
}

std::uint32_t local_length(const char* bytes) {
  std::uint32_t length = 0;
  for (std::size_t i = 0; i < kLocalLengthBytes; ++i)
    length = length << 8 | static_cast<unsigned char>(bytes[i]);
  return length;
}

std::size_t whole_local_records(std::string_view bytes, std::size_t end, std::uint64_t& count) {
  std::size_t whole = 0;
  std::size_t at = 0;
  count = 0;
  while (bytes.size() - at >= kLocalLengthBytes) {
    const std::size_t next = at + local_length(bytes.data() + at) + 2 * kLocalLengthBytes;
    if (next > bytes.size()) break;
    if (next <= end) whole = next;
    if (next > end) ++count;
    at = next;
  }
  return whole;
}

}  // namespace wharf::supervise
