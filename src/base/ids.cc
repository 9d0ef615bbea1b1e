#include "base/ids.h"

#include <sys/random.h>

#include "base/error.h"

namespace wharf::base {

std::string random_bytes(std::size_t bytes) {
  std::string out(bytes, '\0');
  // Up to 256 bytes getrandom(2) is neither short nor interrupted.
  for (std::size_t at = 0; at < bytes;) {
    const std::size_t want = std::min<std::size_t>(256, bytes - at);
    if (::getrandom(out.data() + at, want, 0) != static_cast<ssize_t>(want)) {
      throw errno_error(errno, "getrandom");
    }
    at += want;
  }
  return out;
}

std::string hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

std::string random_id() {
  while (true) {
    std::string id = hex(random_bytes(32));
    if (id.substr(0, 12).find_first_not_of("0123456789") != std::string::npos) return id;
  }
}

std::string short_id(std::string_view id) {
  if (id.starts_with("sha256:")) id.remove_prefix(7);
  return std::string(id.substr(0, 12));
}

}  // namespace wharf::base
