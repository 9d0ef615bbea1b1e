// Any bytes: decompressed within a bound, or refused.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "archive/source.h"
#include "base/error.h"

using namespace wharf;

namespace {

// Enough to leave every window and buffer behind; 8 MiB of zeros from a few bytes, read and hashed
// piece by piece, would be all that a fuzzer has time for.
constexpr std::uint64_t kMaxBytes = 256 << 10;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  archive::MemorySource memory({reinterpret_cast<const char*>(data), size});
  std::vector<char> buffer(size % 4096 + 1);
  try {
    const auto source = archive::decompress(memory);
    archive::MeasuredSource measured(*source, kMaxBytes);
    while (measured.read(buffer) > 0) continue;
  } catch (const base::Error&) {
  }
  return 0;
}
