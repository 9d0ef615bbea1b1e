#include "container/detach_keys.h"

#include "base/error.h"
#include "base/strings.h"

namespace wharf::container {

namespace {

/// The byte of one key, or -1. Docker: moby/term, "ctrl-" and a letter or one of @[\]^_.
int key_byte(std::string_view key) {
  if (key.size() == 1) return static_cast<unsigned char>(key[0]);
  if (key == "DEL") return 127;
  if (!key.starts_with("ctrl-") || key.size() != 6) return -1;
  const char c = key[5];
  if (c >= 'a' && c <= 'z') return c - 'a' + 1;
  static constexpr std::string_view kOthers = "@[\\]^_";
  static constexpr std::array kBytes = {0, 27, 28, 29, 30, 31};
  const std::size_t at = kOthers.find(c);
  return at == std::string_view::npos ? -1 : kBytes[at];
}

}  // namespace

std::string parse_detach_keys(std::string_view text) {
  if (text.empty()) return "\x10\x11";
  std::string keys;
  for (const std::string& key : base::split(text, ',')) {
    const int byte = key_byte(key);
    if (byte < 0) {
      base::fail(base::Kind::InvalidArgument, "Invalid detach keys ({}) provided", text);
    }
    keys += static_cast<char>(byte);
  }
  return keys;
}

bool DetachKeys::feed(std::string_view typed, std::string& out) {
  for (const char c : typed) {
    if (keys_.empty()) {
      out += c;
      continue;
    }
    if (c == keys_[matched_]) {
      if (++matched_ == keys_.size()) return true;
      continue;
    }
    // What was held belongs to the container after all, and `c` may begin anew.
    out.append(keys_, 0, matched_);
    matched_ = 0;
    if (c == keys_[0]) {
      matched_ = 1;
      if (keys_.size() == 1) return true;
    } else {
      out += c;
    }
  }
  return false;
}

}  // namespace wharf::container
