// The decoder of chunked bodies (RFC 9112, section 7.1), strict where two programs could differ.
//
// Pushed bytes; owns none. Written here because Beast's waits where it should refuse: a size line
// that ends in a bare LF, or never (threats A66). One thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace wharf::http {

inline constexpr std::size_t kChunkLineLimit = 4 << 10;
inline constexpr std::size_t kTrailerLimit = 64 << 10;

class ChunkDecoder {
 public:
  /// Takes bytes from the front of `input` and puts decoded ones `into`; how many. 0 is: more input
  /// is needed, or the end. Throws BadRequest.
  std::size_t put(std::string& input, std::span<char> into);

  bool done() const { return state_ == State::Done; }

 private:
  enum class State { Size, Data, DataEnd, Trailer, Done };

  bool read_size(std::string& input);
  bool read_data_end(std::string& input);
  bool read_trailer(std::string& input);

  State state_ = State::Size;
  std::uint64_t left_ = 0;  ///< Bytes of the current chunk still to come.
  std::size_t trailer_bytes_ = 0;
};

}  // namespace wharf::http
