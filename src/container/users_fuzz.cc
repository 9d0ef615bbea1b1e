// passwd and group of a stranger's image, and what the user wrote after -u.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "container/users.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::size_t first = all.find('\0');
  const std::size_t second = first == all.npos ? all.npos : all.find('\0', first + 1);
  if (second == all.npos) return 0;
  try {
    (void)wharf::container::find_identity(all.substr(second + 1),
                                          all.substr(first + 1, second - first - 1),
                                          all.substr(0, first), {"audio", "7"});
  } catch (const wharf::base::Error&) {
  }
  return 0;
}
