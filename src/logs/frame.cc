#include "logs/frame.h"

#include <algorithm>

namespace wharf::logs {

std::string frame_header(int stream, std::size_t length) {
  std::string header(8, '\0');
  header[0] = static_cast<char>(stream);
  for (int i = 0; i < 4; ++i) {
    header[static_cast<std::size_t>(4 + i)] = static_cast<char>(length >> (24 - 8 * i));
  }
  return header;
}

void FrameStripper::feed(std::string_view bytes,
                         const std::function<void(std::string_view)>& sink) {
  while (!bytes.empty()) {
    if (left_ == 0) {
      header_[header_bytes_++] = static_cast<unsigned char>(bytes.front());
      bytes.remove_prefix(1);
      if (header_bytes_ < header_.size()) continue;
      header_bytes_ = 0;
      for (std::size_t i = 4; i < header_.size(); ++i) left_ = left_ << 8 | header_[i];
      continue;
    }
    const std::string_view payload = bytes.substr(0, left_);
    sink(payload);
    left_ -= static_cast<std::uint32_t>(payload.size());
    bytes.remove_prefix(payload.size());
  }
}

}  // namespace wharf::logs
