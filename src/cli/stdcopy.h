// The multiplexed stream of attach, exec and logs taken apart: frames of an 8-byte header
// (stream, 0, 0, 0, big-endian length) and payload, cut anywhere by the transport.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace wharf::cli {

class StdcopyReader {
 public:
  enum class Stream { Out, Error };
  using Sink = std::function<void(Stream stream, std::string_view payload)>;

  /// Passes payload on as it comes. Throws base::Error for a frame of an unknown stream, and
  /// "error from daemon in stream: ..." for one that carries the daemon's own error.
  void feed(std::string_view bytes, const Sink& sink);

  /// False when the stream ended within a frame.
  bool complete() const { return header_.empty() && left_ == 0; }

 private:
  std::string header_;
  std::uint32_t left_ = 0;
  unsigned char stream_ = 1;
  std::string system_error_;
};

}  // namespace wharf::cli
