#include <gtest/gtest.h>

#include <charconv>
#include <random>

#include "base/error.h"
#include "content/partial.h"
#include "registry/fake_registry_test.h"
#include "registry/registry.h"

namespace wharf::registry {
namespace {

/// Bytes [a, b] of "bytes=a-b" or "bytes=a-".
std::pair<std::size_t, std::size_t> range_of(const Seen& seen, std::size_t size) {
  const std::string text = seen.header("range");
  if (text.empty()) return {0, size - 1};
  std::size_t first = 0, last = size - 1;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data() + 6, end, first);
  std::from_chars(read.ptr + 1, end, last);
  return {first, last};
}

class BlobTest : public ::testing::Test {
 protected:
  static Settings settings() {
    Settings out;
    out.retry_delay_ms = 10;
    out.idle_timeout_ms = 2000;
    out.ranges_after_ms = 10;
    out.range_bytes = 256 << 10;
    out.fast_bytes_per_second = std::int64_t{1} << 60;
    return out;
  }

  static std::string random_bytes() {
    std::string out(6 << 20, '\0');
    std::minstd_rand random(7);
    for (char& byte : out) byte = static_cast<char>(random());
    return out;
  }

  /// The range that is asked for; remembers what was served.
  Reply part(const Seen& seen) {
    if (seen.target.find("/blobs/") == std::string::npos) return {};
    const auto [first, last] = range_of(seen, blob.size());
    const std::lock_guard lock(mutex);
    served.emplace_back(first, last);
    Reply reply{.status = seen.header("range").empty() ? 200 : 206,
                .body = blob.substr(first, last - first + 1)};
    reply.headers["Content-Range"] = fmt::format("bytes {}-{}/{}", first, last, blob.size());
    return reply;
  }

  std::string fetch(const FakeRegistry& fake, content::Partial& kept, int slow_us = 0) {
    Registry registry(options);
    const Repository repository =
        registry.repository(oci::Reference::parse(fake.domain() + "/a/b"), {}, stop.get_token());
    std::string got;
    repository.blob(descriptor(), kept, [&](std::string_view bytes) {
      got += bytes;
      std::this_thread::sleep_for(std::chrono::microseconds(slow_us));
    });
    return got;
  }

  oci::Descriptor descriptor() const {
    return {.digest = base::Sha256::of(blob), .size_bytes = static_cast<std::int64_t>(blob.size())};
  }
  std::unique_ptr<content::Partial> open() {
    return partials.open(descriptor().digest, descriptor().size_bytes);
  }

  Settings options = settings();
  os::TempDirectory root;
  content::Partials partials{root.path()};
  std::stop_source stop;
  const std::string blob = random_bytes();
  std::mutex mutex;
  std::vector<std::pair<std::size_t, std::size_t>> served;
};

TEST_F(BlobTest, GoesOnWhereAnEarlierLifeEnded) {
  options.ranges_at_once = 1;
  FakeRegistry broken([&](const Seen& seen) {
    Reply reply = part(seen);
    if (!reply.body.empty()) reply.cut_after = seen.header("range").empty() ? 1'500'000 : 0;
    return reply;
  });
  EXPECT_THROW(fetch(broken, *open()), base::Error);
  served.clear();
  FakeRegistry whole([&](const Seen& seen) { return part(seen); });
  const auto kept = open();
  EXPECT_TRUE(kept->resumed());
  const auto kept_bytes = static_cast<std::size_t>(kept->known_until(0));
  EXPECT_EQ(fetch(whole, *kept), blob);
  ASSERT_FALSE(served.empty());
  // What was on its way when the connection broke may be lost; nothing else is.
  EXPECT_EQ(served.front().first, kept_bytes);
  EXPECT_GT(kept_bytes, 0U);
}

TEST_F(BlobTest, FillsHolesAndFetchesNothingTwice) {
  options.ranges_at_once = 1;
  const auto kept = open();
  kept->write(1'000'000, std::string_view(blob).substr(1'000'000, 500'000));
  kept->write(3'000'000, std::string_view(blob).substr(3'000'000, 1));
  FakeRegistry fake([&](const Seen& seen) { return part(seen); });
  EXPECT_EQ(fetch(fake, *kept), blob);
  std::size_t bytes = 0;
  for (const auto& [first, last] : served) bytes += last - first + 1;
  EXPECT_EQ(bytes, blob.size() - 500'001);
}

TEST_F(BlobTest, WhatIsAllHereIsNotAskedFor) {
  const auto kept = open();
  kept->write(0, blob);
  FakeRegistry fake([&](const Seen& seen) { return part(seen); });
  EXPECT_EQ(fetch(fake, *kept), blob);
  EXPECT_TRUE(served.empty());
}

TEST_F(BlobTest, SeveralRangesOfASlowBlobComeAtOnce) {
  FakeRegistry fake([&](const Seen& seen) {
    Reply reply = part(seen);
    if (seen.header("range").empty() && !reply.body.empty()) reply.silent_ms = 300;
    return reply;
  });
  EXPECT_EQ(fetch(fake, *open(), 1500), blob);
  EXPECT_GT(served.size(), 3U);
}

TEST_F(BlobTest, ARegistryWithoutRangesIsReadByOneConnection) {
  FakeRegistry fake([&](const Seen& seen) {
    Seen whole = seen;
    whole.headers.erase("range");
    Reply reply = part(whole);
    if (seen.header("range").empty() && !reply.body.empty()) reply.silent_ms = 100;
    return reply;
  });
  EXPECT_EQ(fetch(fake, *open(), 500), blob);
}

TEST_F(BlobTest, WhatComesFastIsNotKept) {
  Settings fast = settings();
  fast.ranges_at_once = 1;
  fast.fast_bytes_per_second = 1;
  Registry registry(fast);
  FakeRegistry fake([&](const Seen& seen) { return part(seen); });
  const auto kept = open();
  registry.repository(oci::Reference::parse(fake.domain() + "/a/b"), {}, stop.get_token())
      .blob(descriptor(), *kept, [](std::string_view) {});
  EXPECT_EQ(kept->known_until(0), 0);
}

}  // namespace
}  // namespace wharf::registry
