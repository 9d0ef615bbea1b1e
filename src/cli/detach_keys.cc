#include "cli/detach_keys.h"

#include "base/error.h"
#include "base/strings.h"

namespace wharf::cli {
namespace {

char control_key(std::string_view key) {
  if (key.size() == 6 && key.starts_with("ctrl-")) {
    const char c = key[5];
    if (c >= 'a' && c <= 'z') return static_cast<char>(c - 'a' + 1);
    static constexpr std::string_view kOthers = "@[\\]^_";
    static constexpr std::string_view kBytes("\x00\x1b\x1c\x1d\x1e\x1f", 6);
    if (const std::size_t at = kOthers.find(c); at != std::string_view::npos) return kBytes[at];
  }
  base::fail(base::Kind::InvalidArgument, "Unknown character: '{}'", key);
}

}  // namespace

std::string parse_detach_keys(std::string_view text) {
  std::string out;
  for (const std::string& key : base::split(text, ',')) {
    out += key.size() == 1 ? key[0] : control_key(key);
  }
  return out;
}

std::string DetachWatch::filter(std::string_view typed) {
  std::string out;
  for (const char c : typed) {
    if (!keys_.empty() && c == keys_[matched_]) {
      if (++matched_ == keys_.size()) {
        detached_ = true;
        return out;
      }
      continue;
    }
    // What was held back is no sequence after all; `c` itself may begin one.
    out += keys_.substr(0, matched_);
    matched_ = 0;
    if (!keys_.empty() && c == keys_[0]) {
      matched_ = 1;
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace wharf::cli
