#include "http/chunks.h"

#include <charconv>

#include "base/strings.h"
#include "http/request_parser.h"

namespace wharf::http {
namespace {

/// Takes a line off `input`, without its CRLF. False when it is not complete.
bool take_line(std::string& input, std::string& line) {
  const std::size_t end = input.find('\n');
  if (end == std::string::npos) {
    if (input.size() > kChunkLineLimit) throw BadRequest(400, "chunk line is too long");
    return false;
  }
  if (end == 0 || input[end - 1] != '\r' || end > kChunkLineLimit)
    throw BadRequest(400, "malformed chunked encoding");
  line = input.substr(0, end - 1);
  input.erase(0, end + 1);
  return true;
}

}  // namespace

bool ChunkDecoder::read_size(std::string& input) {
  std::string line;
  if (!take_line(input, line)) return false;
  const std::string_view digits = base::trim(std::string_view(line).substr(0, line.find(';')));
  constexpr std::size_t kMostDigits = 15;  // More would be petabytes.
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
  if (digits.empty() || digits.size() > kMostDigits || read.ec != std::errc() ||
      read.ptr != digits.data() + digits.size()) {
    throw BadRequest(400, "malformed chunked encoding");
  }
  state_ = left_ == 0 ? State::Trailer : State::Data;
  return true;
}

bool ChunkDecoder::read_data_end(std::string& input) {
  if (input.empty() || input[0] != '\r') {
    if (input.empty()) return false;
    throw BadRequest(400, "malformed chunked encoding");
  }
  if (input.size() < 2) return false;
  if (input[1] != '\n') throw BadRequest(400, "malformed chunked encoding");
  input.erase(0, 2);
  state_ = State::Size;
  return true;
}

bool ChunkDecoder::read_trailer(std::string& input) {
  std::string line;
  if (!take_line(input, line)) return false;
  trailer_bytes_ += line.size();
  if (trailer_bytes_ > kTrailerLimit) throw BadRequest(431, "trailer is larger than 64 KiB");
  if (line.empty()) state_ = State::Done;
  return true;
}

std::size_t ChunkDecoder::put(std::string& input, std::span<char> into) {
  bool advanced = true;
  while (advanced && !done()) {
    switch (state_) {
      case State::Size:
        advanced = read_size(input);
        break;
      case State::DataEnd:
        advanced = read_data_end(input);
        break;
      case State::Trailer:
        advanced = read_trailer(input);
        break;
      case State::Done:
        break;
      case State::Data: {
        const std::size_t wanted =
            static_cast<std::size_t>(std::min<std::uint64_t>(left_, into.size()));
        const std::size_t got = input.copy(into.data(), wanted);
        if (got == 0) return 0;
        input.erase(0, got);
        left_ -= got;
        if (left_ == 0) state_ = State::DataEnd;
        return got;
      }
    }
  }
  return 0;
}

}  // namespace wharf::http
