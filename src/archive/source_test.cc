#include "archive/source.h"

#include <archive.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include "archive/test_archives.h"
#include "base/error.h"

namespace wharf::archive {
namespace {

std::string plain(std::string_view bytes) {
  MemorySource memory(bytes);
  const auto source = decompress(memory);
  std::string all;
  std::vector<char> buffer(10'000);
  while (const std::size_t got = source->read(buffer)) all.append(buffer.data(), got);
  return all;
}

std::string refusal(std::string_view bytes) {
  try {
    plain(bytes);
  } catch (const base::Error& error) {
    return error.what();
  }
  return {};
}

std::string zstd(std::string_view bytes, int window_log = 0) {
  std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> state(::ZSTD_createCCtx(),
                                                                ::ZSTD_freeCCtx);
  if (window_log) {
    ::ZSTD_CCtx_setParameter(state.get(), ZSTD_c_enableLongDistanceMatching, 1);
    ::ZSTD_CCtx_setParameter(state.get(), ZSTD_c_windowLog, window_log);
    ::ZSTD_CCtx_setParameter(state.get(), ZSTD_c_contentSizeFlag, 0);
  }
  ::ZSTD_CCtx_setParameter(state.get(), ZSTD_c_checksumFlag, 1);
  std::string out(::ZSTD_compressBound(bytes.size()), '\0');
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  ZSTD_outBuffer to{out.data(), out.size(), 0};
  // In two steps, so that the frame does not know its size and needs its window.
  ::ZSTD_compressStream2(state.get(), &to, &in, ZSTD_e_continue);
  ::ZSTD_compressStream2(state.get(), &to, &in, ZSTD_e_end);
  out.resize(to.pos);
  return out;
}

std::string sample() {
  std::string text;
  for (long i = 0; i < 60'000; ++i) text += fmt::format("line {} {}\n", i, i * i % 977);
  return text;
}

TEST(Decompress, EveryCompressionGivesTheSameBytes) {
  const std::string text = sample();
  EXPECT_EQ(plain(text), text);
  EXPECT_EQ(plain(testing::gzip(text)), text);
  EXPECT_EQ(plain(zstd(text)), text);
  EXPECT_EQ(plain(testing::filtered(text, ::archive_write_add_filter_bzip2)), text);
  EXPECT_EQ(plain(testing::filtered(text, ::archive_write_add_filter_xz)), text);
  EXPECT_EQ(plain(""), "");
  EXPECT_EQ(plain("x"), "x");
}

TEST(Decompress, MembersAndFramesAreJoined) {
  EXPECT_EQ(plain(testing::gzip("one") + testing::gzip("") + testing::gzip("two")), "onetwo");
  EXPECT_EQ(plain(zstd("one") + zstd("") + zstd("two")), "onetwo");
}

TEST(Decompress, StreamCutAnywhereIsAnErrorAndNeverAShorterAnswer) {
  const std::string text = sample().substr(0, 3000);
  const std::vector<std::string> streams = {
      testing::gzip(text), zstd(text), testing::filtered(text, ::archive_write_add_filter_xz),
      testing::filtered(text, ::archive_write_add_filter_bzip2)};
  for (const std::string& whole : streams) {
    for (std::size_t size = 7; size < whole.size(); size += 5) {
      EXPECT_NE(refusal(whole.substr(0, size)), "") << size << " of " << whole.size();
    }
  }
}

TEST(Decompress, GarbageAfterTheEndIsAnError) {
  EXPECT_NE(refusal(testing::gzip("x") + "garbage"), "");
  EXPECT_NE(refusal(testing::gzip("x") + std::string(512, '\0')), "");
  EXPECT_NE(refusal(zstd("x") + "garbage"), "");
}

TEST(Decompress, FlippedBitIsAnError) {
  for (const std::string& whole : {testing::gzip(sample()), zstd(sample())}) {
    std::string flipped = whole;
    flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 4);
    EXPECT_NE(refusal(flipped), "");
  }
}

TEST(Decompress, WindowOverTheLimitIsRefusedBeforeItIsAllocated) {
  EXPECT_NE(refusal(zstd(sample(), 31)), "");
  EXPECT_EQ(plain(zstd(sample(), 27)), sample());
}

TEST(MeasuredSource, BombIsStoppedAtTheLimit) {
  const std::string bomb = testing::gzip(std::string(64 << 20, '\0'));
  MemorySource memory(bomb);
  const auto source = decompress(memory);
  MeasuredSource measured(*source, 1 << 20);
  std::vector<char> buffer(1 << 16);
  try {
    while (measured.read(buffer) > 0) continue;
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::Kind::TooLarge);
    EXPECT_NE(std::string(error.what()).find("max_bytes"), std::string::npos);
  }
}

}  // namespace
}  // namespace wharf::archive
