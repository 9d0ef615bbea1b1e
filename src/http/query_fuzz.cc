// Query strings and the filters in them.
#include "base/error.h"
#include "base/filters.h"
#include "http/headers.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace wharf;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const http::Query query = http::Query::parse(text);
    const base::Filters filters = base::Filters::parse(query.get("filters"));
    static_cast<void>(filters.labels("label", {{"a", "b"}}));
    static_cast<void>(filters.prefix("id", "abc"));
    if (filters.text() != base::Filters::parse(filters.text()).text()) __builtin_trap();
  } catch (const base::Error&) {
    return 0;
  }
  return 0;
}
