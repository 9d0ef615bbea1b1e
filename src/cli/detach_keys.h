// Detach keys: "ctrl-p,ctrl-q" and their recognition in what the user types.
#pragma once

#include <string>
#include <string_view>

namespace wharf::cli {

inline constexpr const char* kDefaultDetachKeys = "ctrl-p,ctrl-q";

/// "ctrl-a", "ctrl-@", "ctrl-[" ... or single characters, joined by commas, as bytes.
/// Throws base::Error: "Unknown character: 'xx'".
std::string parse_detach_keys(std::string_view text);

/// Watches a stream of typed bytes for the sequence. Bytes that may begin it are held back.
class DetachWatch {
 public:
  explicit DetachWatch(std::string keys) : keys_(std::move(keys)) {}

  /// The bytes to pass on; detached() tells whether the sequence is complete.
  std::string filter(std::string_view typed);
  bool detached() const { return detached_; }

 private:
  std::string keys_;
  std::size_t matched_ = 0;
  bool detached_ = false;
};

}  // namespace wharf::cli
