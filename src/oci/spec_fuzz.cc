// config.json and seccomp profiles of any bytes: parsed or refused, never more.
#include <cstdint>
#include <string>

#include "oci/spec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  wharf::base::Arena arena(4 << 20);
  wharf::base::Failure failure;
  wharf::oci::Spec spec;
  if (wharf::oci::parse_spec(arena, text, spec, failure) == failure.failed()) __builtin_trap();
  return 0;
}
