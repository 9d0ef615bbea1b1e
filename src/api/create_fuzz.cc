// The body of POST /containers/create: JSON, Config and HostConfig.
#include "api/container.h"
#include "base/error.h"
#include "base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace wharf;
  try {
    const base::Json json = base::parse_json({reinterpret_cast<const char*>(data), size});
    // What was read once must be read again from its own text.
    base::parse_json(base::to_text(json));
    api::CreateRequest request;
    api::from_json(json, request);
    api::to_json(request);
  } catch (const base::Error&) {
    return 0;
  }
  return 0;
}
