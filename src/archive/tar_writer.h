// Writes tar archives: ustar, with a PAX header where ustar cannot say it.
//
// The same entries give the same bytes. What is written reads back equal, also by GNU tar and
// Go. One thread at a time; throws base::Error.
#pragma once

#include <functional>
#include <string_view>

#include "archive/tar_reader.h"

namespace wharf::archive {

class TarWriter {
 public:
  explicit TarWriter(std::function<void(std::string_view)> sink) : sink_(std::move(sink)) {}

  /// Starts an entry; exactly entry.size bytes of content() must follow where it is a file.
  void entry(const Entry& entry);
  void content(std::string_view bytes);

  /// A whole file, directory or link.
  void entry(const Entry& one, std::string_view bytes);

  /// The two blocks of zeros.
  void finish();

 private:
  void header(const Entry& entry, char flag, std::string_view name, std::string_view link);
  void pad();

  std::function<void(std::string_view)> sink_;
  std::uint64_t left_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace wharf::archive
