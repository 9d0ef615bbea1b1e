// Streams of bytes that are pulled, and what can stand in between.
//
// One thread at a time. read() throws base::Error.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "archive/limits.h"
#include "base/digest.h"
#include "os/fd.h"

namespace wharf::archive {

class Source {
 public:
  virtual ~Source() = default;

  /// Some bytes into `into`; 0 only at the end.
  virtual std::size_t read(std::span<char> into) = 0;
};

/// Reads a descriptor that somebody else owns.
class FdSource final : public Source {
 public:
  explicit FdSource(const os::Fd& fd) : fd_(fd) {}
  std::size_t read(std::span<char> into) override { return os::read_some(fd_, into); }

 private:
  const os::Fd& fd_;
};

/// Reads memory that somebody else owns.
class MemorySource final : public Source {
 public:
  explicit MemorySource(std::string_view bytes) : rest_(bytes) {}
  std::size_t read(std::span<char> into) override;

 private:
  std::string_view rest_;
};

/// Counts and hashes what passes, and stops at `max_bytes` with TooLarge.
class MeasuredSource final : public Source {
 public:
  MeasuredSource(Source& from, std::uint64_t max_bytes) : from_(from), max_bytes_(max_bytes) {}
  std::size_t read(std::span<char> into) override;
  std::uint64_t bytes() const { return bytes_; }
  base::Digest digest() { return hash_.finish(); }

 private:
  Source& from_;
  std::uint64_t max_bytes_;
  std::uint64_t bytes_ = 0;
  base::Sha256 hash_;
};

enum class Compression { None, Gzip, Zstd, Bzip2, Xz };

/// By the first bytes (six are enough), as Docker's DetectCompression.
Compression detect_compression(std::string_view first_bytes);

/// Reads `from` uncompressed, whatever it is compressed with. A stream that ends early, has a
/// wrong checksum or has bytes after its end is InvalidArgument. `from` must outlive it.
std::unique_ptr<Source> decompress(Source& from);

/// As decompress(), but looks at `from` only when it is first read.
class LazyDecompressor final : public Source {
 public:
  explicit LazyDecompressor(Source& from) : from_(from) {}
  std::size_t read(std::span<char> into) override {
    if (!plain_) plain_ = decompress(from_);
    return plain_->read(into);
  }

 private:
  Source& from_;
  std::unique_ptr<Source> plain_;
};

}  // namespace wharf::archive
