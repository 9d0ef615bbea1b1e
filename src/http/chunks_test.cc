#include "http/chunks.h"

#include <gtest/gtest.h>

#include <array>

#include "http/request_parser.h"

namespace wharf::http {
namespace {

TEST(ChunkDecoder, ReadsChunksThatComeInAnyPieces) {
  const std::string text = "5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\nTrailer: t\r\n\r\nrest";
  for (const std::size_t step : {std::size_t{1}, std::size_t{3}, text.size()}) {
    ChunkDecoder decoder;
    std::string input;
    std::string body;
    std::array<char, 4> piece;
    for (std::size_t at = 0; at < text.size(); at += step) {
      input += text.substr(at, step);
      while (const std::size_t got = decoder.put(input, piece)) body.append(piece.data(), got);
    }
    EXPECT_TRUE(decoder.done());
    EXPECT_EQ(body, "helloabc");
    EXPECT_EQ(input, "rest");
  }
}

TEST(ChunkDecoder, RefusesWhatIsNotExactlyAChunk) {
  const std::string long_line = std::string(5000, '1') + "\r\n";
  const std::vector<std::string> bad = {
      "zz\r\nhello\r\n", "5\nhello\n",    "-5\r\nhello\r\n",  "\r\n",   "ffffffffffffffffff\r\n",
      "5\r\nhelloX",     "5\r\nhello\rX", "0x5\r\nhello\r\n", "+5\r\n", long_line};
  for (const std::string& text : bad) {
    ChunkDecoder decoder;
    std::string input = text;
    std::array<char, 64> piece;
    EXPECT_THROW(while (decoder.put(input, piece) != 0) continue, BadRequest) << text.substr(0, 40);
  }
}

TEST(ChunkDecoder, BoundsTheTrailer) {
  ChunkDecoder decoder;
  std::array<char, 64> piece;
  std::string input = "0\r\n";
  EXPECT_THROW(
      for (int i = 0; i < 100; ++i) {
        input += "X: " + std::string(1000, 'x') + "\r\n";
        decoder.put(input, piece);
      },
      BadRequest);
}

}  // namespace
}  // namespace wharf::http
