// Whether a peer sends fast enough to be waited for.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace wharf::registry {

/// A peer that sends less than this in one window is treated as one that stalls: its connection
/// is given up, and what is missing asked for again.
inline constexpr std::int64_t kMinimumBytesPerWindow = 16 << 10;

class Pace {
 public:
  explicit Pace(int window_ms) : window_ns_(std::int64_t{window_ms} * 1'000'000) { begin(); }

  /// `bytes` came. False when the window that ends now had too few.
  bool keeps_up(std::int64_t bytes) {
    in_window_ += bytes;
    if (base::monotonic_ns() < ends_ns_) return true;
    const bool enough = in_window_ >= kMinimumBytesPerWindow;
    begin();
    return enough;
  }

  /// Time in which we were the slow side does not count against the peer.
  void forgive(std::int64_t ns) { ends_ns_ += ns; }

 private:
  void begin() {
    ends_ns_ = base::monotonic_ns() + window_ns_;
    in_window_ = 0;
  }

  std::int64_t window_ns_;
  std::int64_t ends_ns_ = 0;
  std::int64_t in_window_ = 0;
};

}  // namespace wharf::registry
