// A whole request as a stranger sends it: the head, then what follows as chunks.
#include <array>

#include "http/chunks.h"
#include "http/request_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace wharf::http;
  // The first byte says in which pieces the rest comes.
  if (size == 0) return 0;
  const std::size_t step = data[0] % 17 + 1;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string input;
  try {
    RequestParser parser;
    std::size_t at = 0;
    for (bool done = false; !done && at < rest.size(); at += step) {
      input += rest.substr(at, step);
      done = parser.put_head(input);
      if (done) static_cast<void>(parser.head());
    }
    input += rest.substr(std::min(at, rest.size()));
    ChunkDecoder chunks;
    std::array<char, 64> piece;
    while (chunks.put(input, piece) != 0) continue;
  } catch (const BadRequest&) {
    return 0;
  }
  return 0;
}
