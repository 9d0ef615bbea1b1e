// Any bytes: decompressed within a bound, or refused.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "archive/source.h"
#include "base/error.h"

using namespace wharf;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  archive::MemorySource memory({reinterpret_cast<const char*>(data), size});
  std::vector<char> buffer(size % 4096 + 1);
  try {
    const auto source = archive::decompress(memory);
    archive::MeasuredSource measured(*source, 8 << 20);
    while (measured.read(buffer) > 0) continue;
  } catch (const base::Error&) {
  }
  return 0;
}
