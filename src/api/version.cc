#include "api/version.h"

#include <fmt/format.h>

#include <algorithm>

namespace wharf::api {
namespace {

/// The number at the start of `text`, which is moved past it and the point after it.
int next_part(std::string_view& text) {
  constexpr int kPlenty = 100'000'000;  // Longer numbers only need to stay large.
  int value = 0;
  std::size_t at = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    value = std::min(kPlenty, value * 10 + (text[at] - '0'));
  }
  text.remove_prefix(std::min(at + 1, text.size()));
  return value;
}

}  // namespace

std::string Version::text() const {
  return fmt::format("{}.{}", major, minor);
}

Version Version::parse(std::string_view text) {
  Version version;
  version.major = next_part(text);
  version.minor = next_part(text);
  return version;
}

}  // namespace wharf::api
