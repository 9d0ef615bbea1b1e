// The json-file decoder on any bytes, and its answer shown in every way.
#include <cstddef>
#include <cstdint>

#include "logs/line.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto line = wharf::logs::decode({reinterpret_cast<const char*>(data), size});
  if (!line) return 0;
  wharf::logs::Shown how;
  how.timestamps = how.details = how.framed = true;
  std::string text;
  wharf::logs::show(*line, how, text);
  how.json = true;
  wharf::logs::show(*line, how, text);
  return 0;
}
