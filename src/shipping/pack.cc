#include "shipping/pack.h"

namespace wharf::shipping {

void Packer::big_endian(std::uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
    bytes_ += static_cast<char>(value >> shift);
  }
}

void Packer::array(std::size_t elements) {
  if (elements < 16) {
    big_endian(0x90 | elements, 1);
  } else {
    big_endian(0xdc, 1);
    big_endian(elements, 2);
  }
}

void Packer::map(std::size_t pairs) {
  if (pairs < 16) {
    big_endian(0x80 | pairs, 1);
  } else {
    big_endian(0xde, 1);
    big_endian(pairs, 2);
  }
}

void Packer::text(std::string_view bytes) {
  if (bytes.size() < 32) {
    big_endian(0xa0 | bytes.size(), 1);
  } else if (bytes.size() < 0x100) {
    big_endian(0xd9, 1);
    big_endian(bytes.size(), 1);
  } else if (bytes.size() < 0x10000) {
    big_endian(0xda, 1);
    big_endian(bytes.size(), 2);
  } else {
    big_endian(0xdb, 1);
    big_endian(bytes.size(), 4);
  }
  bytes_ += bytes;
}

void Packer::number(std::uint64_t value) {
  if (value < 0x80) {
    big_endian(value, 1);
  } else if (value < 0x1'0000'0000) {
    big_endian(0xce, 1);
    big_endian(value, 4);
  } else {
    big_endian(0xcf, 1);
    big_endian(value, 8);
  }
}

void Packer::event_time(base::Time time) {
  big_endian(0xd7, 1);
  big_endian(0, 1);
  big_endian(static_cast<std::uint64_t>(time.unix_ns / 1'000'000'000), 4);
  big_endian(static_cast<std::uint64_t>(time.unix_ns % 1'000'000'000), 4);
}

}  // namespace wharf::shipping
