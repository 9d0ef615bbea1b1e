// Image references as users and archives write them.
#include <cstdlib>

#include "base/error.h"
#include "oci/platform.h"
#include "oci/reference.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace wharf;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  oci::id_prefix(text);
  try {
    const oci::Reference reference = oci::Reference::parse(text);
    // Both written forms must mean the same again.
    if (oci::Reference::parse(reference.text()) != reference) std::abort();
    if (oci::Reference::parse(reference.familiar()) != reference) std::abort();
  } catch (const base::Error&) {
  }
  try {
    oci::parse_any_reference(text).shown();
    oci::parse_platform(text).text();
  } catch (const base::Error&) {
  }
  return 0;
}
