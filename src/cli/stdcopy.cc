#include "cli/stdcopy.h"

#include <algorithm>

#include "base/error.h"

namespace wharf::cli {
namespace {

constexpr std::size_t kHeaderBytes = 8;
constexpr unsigned char kStdin = 0;
constexpr unsigned char kStderr = 2;
constexpr unsigned char kSystemError = 3;

}  // namespace

void StdcopyReader::feed(std::string_view bytes, const Sink& sink) {
  while (!bytes.empty()) {
    if (left_ == 0) {
      const std::size_t wanted = std::min(kHeaderBytes - header_.size(), bytes.size());
      header_.append(bytes.substr(0, wanted));
      bytes.remove_prefix(wanted);
      if (header_.size() < kHeaderBytes) return;
      stream_ = static_cast<unsigned char>(header_[0]);
      if (stream_ > kSystemError) {
        base::fail(base::Kind::Internal, "unrecognized stream: {}", static_cast<int>(stream_));
      }
      left_ = 0;
      for (std::size_t i = 4; i < kHeaderBytes; ++i)
        left_ = left_ << 8 | static_cast<unsigned char>(header_[i]);
      header_.clear();
      continue;
    }
    const std::string_view payload = bytes.substr(0, left_);
    bytes.remove_prefix(payload.size());
    left_ -= static_cast<std::uint32_t>(payload.size());
    if (stream_ == kSystemError) {
      system_error_ += payload;
      if (left_ == 0)
        base::fail(base::Kind::Internal, "error from daemon in stream: {}", system_error_);
    } else {
      // Docker: frames of stdin are written to standard output.
      static_assert(kStdin == 0);
      sink(stream_ == kStderr ? Stream::Error : Stream::Out, payload);
    }
  }
}

}  // namespace wharf::cli
