#include "archive/source.h"

#include "archive/filters.h"
#include "base/error.h"

namespace wharf::archive {

std::size_t MemorySource::read(std::span<char> into) {
  const std::size_t size = rest_.copy(into.data(), into.size());
  rest_.remove_prefix(size);
  return size;
}

std::size_t MeasuredSource::read(std::span<char> into) {
  const std::size_t size = from_.read(into);
  bytes_ += size;
  if (bytes_ > max_bytes_) {
    base::fail(base::Kind::TooLarge, "archive is larger than {} bytes (max_bytes)", max_bytes_);
  }
  hash_.update({into.data(), size});
  return size;
}

Compression detect_compression(std::string_view first_bytes) {
  using namespace std::string_view_literals;
  if (first_bytes.starts_with("\x1f\x8b\x08"sv)) return Compression::Gzip;
  if (first_bytes.starts_with("\x28\xb5\x2f\xfd"sv)) return Compression::Zstd;
  if (first_bytes.starts_with("BZh"sv)) return Compression::Bzip2;
  if (first_bytes.starts_with("\xfd"
                              "7zXZ\0"sv)) {
    return Compression::Xz;
  }
  // A zstd stream may start with a skippable frame (RFC 8878, 3.1.2): 0x184D2A50 to 5F.
  if (first_bytes.size() >= 4 && (first_bytes[0] & 0xf0) == 0x50 &&
      first_bytes.substr(1, 3) == "\x2a\x4d\x18"sv) {
    return Compression::Zstd;
  }
  return Compression::None;
}

std::unique_ptr<Source> decompress(Source& from) {
  auto input = std::make_unique<Input>(from);
  switch (detect_compression(input->peek(6))) {
    case Compression::Gzip:
      return gzip_source(std::move(input));
    case Compression::Zstd:
      return zstd_source(std::move(input));
    case Compression::Bzip2:
    case Compression::Xz:
      return library_source(std::move(input));
    case Compression::None:
      break;
  }
  return plain_source(std::move(input));
}

}  // namespace wharf::archive
