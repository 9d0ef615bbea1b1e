// Blobs that have not come whole yet: what was fetched survives a failure, kill -9 and a reboot.
//
//   <data-root>/content/partial/<hex>         the bytes, each at its place
//   <data-root>/content/partial/<hex>.ranges  the journal of what is there
//
// The journal has a line for each range, written after its bytes: that is enough for kill -9, as
// the page cache outlives us. A line "synced" follows only when bytes and lines before it are on
// the disk; after a reboot no line behind the last of them counts. Nothing here is verified: who
// uses the bytes checks the digest of the whole, and calls discard() where it is wrong.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "os/file.h"

namespace wharf::content {

/// What nobody asked for again in so long is removed at start.
inline constexpr std::int64_t kPartialKeptSeconds = 7 * 24 * 3600;

/// Where bytes are, as begin -> end; never touching each other.
using Ranges = std::map<std::int64_t, std::int64_t>;

/// Adds [begin, end), joining what touches.
void add_range(Ranges& ranges, std::int64_t begin, std::int64_t end);

class Partials;

/// One blob. Writes and reads may come from several threads at once.
class Partial {
 public:
  ~Partial();
  Partial(const Partial&) = delete;

  std::int64_t size() const { return size_; }

  /// True where bytes were there before this object was: they are only as good as the digest.
  bool resumed() const { return resumed_; }

  /// The end of the bytes that are there from `at` on; `at` itself where there are none.
  std::int64_t known_until(std::int64_t at) const;

  /// Where the next bytes that are there begin, at or after `at`; size() where there are none.
  std::int64_t next_known(std::int64_t at) const;

  /// Throws where the disk is full. Bytes past size() are a fault of the caller.
  void write(std::int64_t at, std::string_view bytes);

  /// Bytes that are there; at least one.
  std::size_t read(std::int64_t at, std::span<char> into) const;

  /// Removes the files: the bytes were wrong, or are kept elsewhere now.
  void discard() noexcept;

 private:
  friend class Partials;
  Partial(Partials& owner, const base::Digest& digest, std::int64_t size);
  void load();
  void sync();

  Partials& owner_;
  std::string name_;
  std::int64_t size_;
  os::Path path_;
  os::Fd bytes_;
  os::Fd journal_;
  bool resumed_ = false;
  mutable std::mutex mutex_;  ///< Guards what follows; never held over a write of bytes.
  Ranges ranges_;
  std::int64_t synced_ns_ = 0;
  bool discarded_ = false;
};

class Partials {
 public:
  /// Makes the directory, and removes what is too old.
  explicit Partials(os::Path directory);

  /// One at a time for a digest, which is the caller's to see to (layer::Claim).
  std::unique_ptr<Partial> open(const base::Digest& digest, std::int64_t size);

  /// Removes what nobody is fetching now. Bytes given back.
  std::uint64_t collect();

  /// Bytes on the disk of what is not being fetched.
  std::uint64_t disk_bytes() const;

 private:
  friend class Partial;
  std::uint64_t sweep(std::int64_t older_than_seconds, bool remove) const;

  os::Path directory_;
  mutable std::mutex mutex_;
  std::multiset<std::string> open_;
};

}  // namespace wharf::content
