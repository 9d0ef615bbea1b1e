// stdcopy: stdout and stderr in one stream of bytes, as Docker's API has them.
//
// Each frame is 8 bytes, {stream, 0, 0, 0, length in network order}, and so many bytes.
// Plain values.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace wharf::logs {

/// The 8 bytes before a payload of `length` bytes; stream 1 is stdout, 2 stderr.
std::string frame_header(int stream, std::size_t length);

/// Takes the frames off a stream that comes in pieces of any size.
class FrameStripper {
 public:
  /// Gives `sink` the payload that is in `bytes`.
  void feed(std::string_view bytes, const std::function<void(std::string_view)>& sink);

 private:
  std::array<unsigned char, 8> header_{};
  std::size_t header_bytes_ = 0;
  std::uint32_t left_ = 0;
};

}  // namespace wharf::logs
