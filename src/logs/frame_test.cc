#include "logs/frame.h"

#include <gtest/gtest.h>

namespace wharf::logs {
namespace {

TEST(FrameStripper, GivesThePayloadsHoweverTheStreamIsCut) {
  std::string stream;
  for (const std::string_view payload : {"one", "", "two two", "3"})
    stream += frame_header(1 + static_cast<int>(payload.size() % 2), payload.size()) +
              std::string(payload);
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    FrameStripper stripper;
    std::string out;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      stripper.feed(std::string_view(stream).substr(at, piece),
                    [&](std::string_view payload) { out += payload; });
    }
    EXPECT_EQ(out, "onetwo two3") << piece;
  }
}

}  // namespace
}  // namespace wharf::logs
