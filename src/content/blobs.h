// Small documents by digest: manifests, indexes and image configs, byte for byte as they came.
//
//   <data-root>/content/sha256/<hex>   one blob, 0600, never changed
//   <data-root>/content/ingest/<name>  half-written ones, removed at start
//   <data-root>/content/partial/       layers that have not come whole yet (partial.h)
//
// A blob is checked against its digest before it gets its name, and again whenever it is read:
// flipped bits are an error that names the blob, never an answer. Layers are not kept here.
// All functions are thread-safe and throw base::Error.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "content/partial.h"
#include "os/file.h"

namespace wharf::content {

/// No document of ours is larger (threats A39).
inline constexpr std::size_t kMaxBlobBytes = 4 << 20;

/// Keeps blobs from collect() while held: take one before the first put() of a pull, drop it
/// after the commit that makes the blobs belong to an image.
class Lease {
 public:
  Lease(Lease&&) noexcept = default;
  Lease& operator=(Lease&&) noexcept = default;

 private:
  friend class Blobs;
  explicit Lease(std::shared_ptr<void> held) : held_(std::move(held)) {}
  std::shared_ptr<void> held_;
};

class Blobs {
 public:
  /// Makes the directories where missing and removes half-written blobs.
  explicit Blobs(const os::Path& data_root);
  ~Blobs();

  /// Stores `bytes`, durable on return. InvalidArgument when `expected` is given and is not
  /// their digest; TooLarge past kMaxBlobBytes. Storing what is there already heals it.
  base::Digest put(std::string_view bytes, const base::Digest& expected = {});

  bool has(const base::Digest& digest) const;

  /// NotFound where absent, Internal where damaged.
  std::string read(const base::Digest& digest) const;

  /// Bytes on disk; NotFound where absent.
  std::uint64_t size(const base::Digest& digest) const;

  Lease lease();

  /// Removes every blob that `wanted` denies, unless a lease is held by anyone. Returns bytes.
  std::uint64_t collect(const std::function<bool(const base::Digest&)>& wanted);

  /// Layers on their way from a registry.
  Partials& partials();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace wharf::content
