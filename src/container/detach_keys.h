// The keys that leave an attached container without stopping it.
//
// A DetachKeys is fed what the client types and gives back what is for the container: a
// beginning of the sequence is held until it is either whole or something else. One thread.
#pragma once

#include <string>
#include <string_view>

namespace wharf::container {

/// "ctrl-a,x" as bytes; "" is "ctrl-p,ctrl-q". Throws InvalidArgument "Invalid detach keys
/// (x) provided".
std::string parse_detach_keys(std::string_view text);

class DetachKeys {
 public:
  /// With no keys nothing is ever recognised.
  explicit DetachKeys(std::string keys) : keys_(std::move(keys)) {}

  /// Appends to `out` what of `typed` is for the container. True when the sequence is complete:
  /// what came after it is dropped.
  bool feed(std::string_view typed, std::string& out);

 private:
  std::string keys_;
  std::size_t matched_ = 0;
};

}  // namespace wharf::container
