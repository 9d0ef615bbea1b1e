// Decides which bytes of a blob are kept on the disk to go on from after a failure.
//
// Keeping costs a second write of every byte. What comes so fast that it is as quick to fetch it
// again is not kept; everything else is, from its first byte: until the decision, the first bytes
// wait in memory. One thread.
#pragma once

#include <string>
#include <string_view>

#include "base/log.h"
#include "base/time.h"
#include "content/partial.h"
#include "registry/registry.h"

namespace wharf::registry {

class Keeping {
 public:
  Keeping(content::Partial& kept, const Settings& settings)
      : kept_(kept), fast_(settings.fast_bytes_per_second), began_ns_(base::monotonic_ns()) {}

  /// What came before a failure is kept whatever its speed: nothing says how fast the next try is.
  ~Keeping() { keep_held(); }
  Keeping(const Keeping&) = delete;

  /// `bytes` came to the place `at`; until now the registry was waited for so long in all.
  void came(std::int64_t at, std::string_view bytes, std::int64_t waited_ns) {
    if (keeps_) return kept_.write(at, bytes);
    if (held_.empty()) held_at_ = at;
    held_ += bytes;
    const bool enough = held_.size() >= kHeldBytes;
    if (!enough && base::monotonic_ns() - began_ns_ < kDecideNs) return;
    const std::int64_t window_ns = std::max<std::int64_t>(waited_ns - waited_before_ns_, 1);
    const double rate = static_cast<double>(held_.size()) * 1e9 / static_cast<double>(window_ns);
    keeps_ = rate < static_cast<double>(fast_);
    if (keeps_) {
      kept_.write(held_at_, held_);
      // Its memory too: from here on nothing is held.
      held_ = {};
    }
    held_.clear();
    waited_before_ns_ = waited_ns;
    began_ns_ = base::monotonic_ns();
  }

 private:
  void keep_held() noexcept {
    try {
      if (!held_.empty()) kept_.write(held_at_, held_);
    } catch (const base::Error& error) {
      base::log_debug("the last {} bytes are not kept: {}", held_.size(), error.what());
    }
  }

  static constexpr std::size_t kHeldBytes = 2 << 20;
  static constexpr std::int64_t kDecideNs = 100'000'000;

  content::Partial& kept_;
  std::int64_t fast_;
  std::int64_t began_ns_;
  std::int64_t waited_before_ns_ = 0;
  bool keeps_ = false;
  std::string held_;
  std::int64_t held_at_ = 0;
};

}  // namespace wharf::registry
