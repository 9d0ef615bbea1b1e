// Any bytes as the payload of a PAX header, as a number and as a name.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "archive/tar_header.h"
#include "archive/tar_reader.h"
#include "base/error.h"

using namespace wharf;

namespace {

template <class Call>
void tolerate(Call call) {
  try {
    call();
  } catch (const base::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  tolerate([&] { archive::parse_pax(text); });
  tolerate([&] { archive::parse_pax_time(text); });
  tolerate([&] {
    const std::string clean = archive::clean_name(text);
    // A clean name stays what it is, and has no part that climbs.
    if (archive::clean_name(clean) != clean) std::abort();
    if (clean == ".." || clean.starts_with("../") || clean.starts_with('/')) std::abort();
  });
  if (size >= archive::kBlock) {
    tolerate([&] { archive::number_field(text, archive::kSize, "size"); });
    tolerate([&] { archive::checksum_holds(text); });
  }
  return 0;
}
