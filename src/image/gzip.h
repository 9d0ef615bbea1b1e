// A gzip stream by ISA-L: the same bytes in, the same bytes out. Inside room image only.
#pragma once

#include <isa-l/igzip_lib.h>

#include <functional>
#include <string_view>
#include <vector>

namespace wharf::image {

class Gzip {
 public:
  using Sink = std::function<void(std::string_view)>;

  explicit Gzip(Sink sink);
  void write(std::string_view bytes) { deflate(bytes, false); }
  void finish() { deflate({}, true); }

 private:
  void deflate(std::string_view bytes, bool last);

  Sink sink_;
  isal_zstream stream_{};
  std::vector<std::uint8_t> level_;
  std::vector<char> out_;
};

}  // namespace wharf::image
