// Writes the tar of `docker save`: plain files and directories of ours, nothing of strangers.
// Inside room image only. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace wharf::image {

class TarWriter {
 public:
  explicit TarWriter(const std::function<void(std::string_view)>& sink) : sink_(sink) {}

  void directory(const std::string& name);
  void file(const std::string& name, std::string_view content, unsigned mode = 0644);

  /// A file whose content follows in any number of write() calls, `size` bytes together.
  void begin(const std::string& name, std::uint64_t size, unsigned mode = 0644);
  void write(std::string_view bytes);
  /// Throws Internal where fewer or more bytes came than begin() was told.
  void end();

  /// The two empty blocks.
  void finish();

 private:
  void header(const std::string& name, std::uint64_t size, unsigned mode, char type);

  const std::function<void(std::string_view)>& sink_;
  std::uint64_t left_ = 0;
  std::uint64_t padding_ = 0;
};

}  // namespace wharf::image
