// The json-file decoder on any bytes, and its answer shown in every way.
#include <cstddef>
#include <cstdint>

#include "logs/line.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto line = wharf::logs::decode({reinterpret_cast<const char*>(data), size});
  if (!line) return 0;
  wharf::logs::Shown how;
  how.timestamps = how.details = how.framed = true;
  (void)wharf::logs::shown(*line, how);
  how.json = true;
  (void)wharf::logs::shown(*line, how);
  return 0;
}
