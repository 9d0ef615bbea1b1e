#include "build/trace.h"

namespace wharf::build {
namespace {

enum Wire : unsigned { kVarint = 0, kBytes = 2 };

void put_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

/// proto3: what is empty or zero is left out.
void put_number(std::string& out, unsigned field, std::uint64_t value) {
  if (value == 0) return;
  put_varint(out, field << 3 | kVarint);
  put_varint(out, value);
}

void put_bytes(std::string& out, unsigned field, std::string_view bytes) {
  if (bytes.empty()) return;
  put_varint(out, field << 3 | kBytes);
  put_varint(out, bytes.size());
  out += bytes;
}

std::string timestamp(base::Time time) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  std::string out;
  put_number(out, 1, static_cast<std::uint64_t>(time.unix_ns / kSecond));
  put_number(out, 2, static_cast<std::uint64_t>(time.unix_ns % kSecond));
  return out;
}

}  // namespace

std::string status_of(const Vertex& vertex) {
  std::string body;
  put_bytes(body, 1, vertex.digest);
  put_bytes(body, 3, vertex.name);
  put_number(body, 4, vertex.cached ? 1 : 0);
  if (!vertex.started.is_zero()) put_bytes(body, 5, timestamp(vertex.started));
  if (!vertex.completed.is_zero()) put_bytes(body, 6, timestamp(vertex.completed));
  put_bytes(body, 7, vertex.error);
  std::string out;
  put_bytes(out, 1, body);
  return out;
}

std::string status_of_log(const std::string& vertex, unsigned stream, std::string_view bytes,
                          base::Time time) {
  std::string body;
  put_bytes(body, 1, vertex);
  put_bytes(body, 2, timestamp(time));
  put_number(body, 3, stream);
  put_bytes(body, 4, bytes);
  std::string out;
  put_bytes(out, 3, body);
  return out;
}

}  // namespace wharf::build
