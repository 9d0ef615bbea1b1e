// Any bytes: the reader refuses or reads them, and what it recorded is exactly what it read.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "archive/tar_reader.h"
#include "base/error.h"

using namespace wharf;

namespace {

struct Count final : archive::Record {
  std::uint64_t bytes = 0;
  void raw(std::string_view some) override { bytes += some.size(); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  archive::MemorySource source({reinterpret_cast<const char*>(data), size});
  Count count;
  std::uint64_t content = 0;
  try {
    archive::TarReader tar(source, {}, &count);
    archive::Entry entry;
    while (tar.next(entry)) {
      if (entry.size % 2 == 0) continue;  // Left to the record.
      for (auto bytes = tar.content(); !bytes.empty(); bytes = tar.content()) {
        content += bytes.size();
      }
    }
    if (count.bytes + content != size) std::abort();
  } catch (const base::Error&) {
  }
  return 0;
}
