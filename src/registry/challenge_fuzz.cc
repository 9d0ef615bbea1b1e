// WWW-Authenticate, Retry-After and X-Registry-Auth as peers send them.
#include "registry/challenge.h"
#include "registry/registry.h"
#include "registry/retry.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace wharf;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const registry::Challenge& challenge : registry::parse_challenges(text))
    challenge.get("realm");
  registry::retry_after(text, {});
  registry::Credentials::from_header(text);
  return 0;
}
