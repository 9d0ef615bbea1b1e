// Any bytes as an archive: the reader refuses or reads them, and what it recorded is exactly what
// it read.
//
// Where the reader will look for a header the input is laid over a good one, a zero byte leaving
// what is there, and the checksum is made right: a few bytes are enough to get behind it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "archive/tar_header.h"
#include "archive/tar_reader.h"
#include "archive/test_archives.h"
#include "base/error.h"

// Inside, as libarchive, with which the test archives are checked, has a ::archive of its own.
namespace wharf {
namespace {

struct Count final : archive::Record {
  std::uint64_t bytes = 0;
  void raw(std::string_view some) override { bytes += some.size(); }
};

void lay_over_good_header(std::string& bytes, std::size_t at) {
  std::string header = archive::testing::raw_header("a", '0', "00000000000");
  for (std::size_t i = 0; i < archive::kBlock; ++i) {
    if (bytes[at + i] != '\0') header[i] = bytes[at + i];
  }
  const std::string sum = fmt::format("{:06o}", archive::checksum_of(header));
  header.replace(archive::kChecksum.offset, archive::kChecksum.size, sum + std::string(2, '\0'));
  bytes.replace(at, archive::kBlock, header);
}

/// How much content follows a header, by its own field; nothing where that is no number.
std::uint64_t content_blocks(std::string_view header) {
  try {
    const std::int64_t size = archive::number_field(header, archive::kSize, "size");
    if (size < 0) return 0;
    return (static_cast<std::uint64_t>(size) + archive::kBlock - 1) / archive::kBlock;
  } catch (const base::Error&) {
    return 0;
  }
}

std::string archive_of(const std::uint8_t* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  bytes.resize((size + archive::kBlock - 1) / archive::kBlock * archive::kBlock);
  std::size_t at = 0;
  while (at < bytes.size()) {
    const bool end = bytes.find_first_not_of('\0', at) >= at + archive::kBlock;
    if (!end) lay_over_good_header(bytes, at);
    const std::uint64_t left = (bytes.size() - at) / archive::kBlock - 1;
    const std::uint64_t skipped =
        std::min(left, content_blocks({bytes.data() + at, archive::kBlock}));
    at += (1 + skipped) * archive::kBlock;
  }
  if (size % 2 == 1) bytes.resize(size);  // Cut short.
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes = archive_of(data, size);
  archive::MemorySource source(bytes);
  Count count;
  std::uint64_t content = 0;
  try {
    archive::TarReader tar(source, {}, &count);
    archive::Entry entry;
    while (tar.next(entry)) {
      if (entry.size % 2 == 0) continue;  // Left to the record.
      for (auto some = tar.content(); !some.empty(); some = tar.content()) content += some.size();
    }
  } catch (const base::Error&) {
    return 0;
  }
  if (count.bytes + content != bytes.size()) std::abort();
  return 0;
}

}  // namespace wharf
