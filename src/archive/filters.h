// The decompressors, one function each. Inside room archive only.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "archive/source.h"

namespace wharf::archive {

/// A buffered Source of which the next bytes can be looked at.
class Input {
 public:
  explicit Input(Source& from) : from_(from), buffer_(kBytes) {}

  /// At least one byte, unless the stream has ended. Valid until the next call.
  std::string_view some();

  /// The next `size` bytes, fewer only where the stream ends. At most kBytes.
  std::string_view peek(std::size_t size);

  void skip(std::size_t size) { begin_ += size; }

  static constexpr std::size_t kBytes = 128 << 10;

 private:
  Source& from_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool ended_ = false;
};

std::unique_ptr<Source> plain_source(std::unique_ptr<Input> input);
std::unique_ptr<Source> gzip_source(std::unique_ptr<Input> input);
std::unique_ptr<Source> zstd_source(std::unique_ptr<Input> input);

/// bzip2 and xz, by libarchive's filters.
std::unique_ptr<Source> library_source(std::unique_ptr<Input> input);

}  // namespace wharf::archive
