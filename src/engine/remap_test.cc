#include "engine/remap.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace wharf::engine {
namespace {

using container::IdBlock;
using Blocks = std::vector<IdBlock>;

const std::vector<Subordinate> kEntries = parse_subordinates(
    "# who has what\n"
    "alice:100000:65536\n"
    "\n"
    " bob:165536:65536 \n"
    "alice:300000:1000\n"
    "1000:500000:10\n"
    "wrong\n"
    "wrong:1\n"
    "wrong:x:1\n"
    "wrong:-1:5\n"
    "wrong:1:0\n"
    "wrong:4294967295:1\n"
    "wrong:1:2:3\n"
    ":1:2\n");

TEST(Subordinates, LinesThatAreNoneArePassedOver) {
  const std::vector<Subordinate> expected = {{"alice", {100'000, 65'536}},
                                             {"bob", {165'536, 65'536}},
                                             {"alice", {300'000, 1000}},
                                             {"1000", {500'000, 10}}};
  EXPECT_EQ(kEntries, expected);
  EXPECT_TRUE(parse_subordinates("").empty());
}

TEST(Subordinates, AUsersRangesFollowOneAnother) {
  const std::vector<os::IdRange> expected = {{0, 100'000, 65'536}, {65'536, 300'000, 1000}};
  EXPECT_EQ(map_of(kEntries, "alice", "7"), expected);
  EXPECT_TRUE(map_of(kEntries, "carol", "7").empty());
}

TEST(Subordinates, EntriesByNumberComeBeforeThoseByName) {
  const std::vector<os::IdRange> expected = {{0, 500'000, 10}};
  EXPECT_EQ(map_of(kEntries, "alice", "1000"), expected);
}

TEST(Subordinates, AMapEndsWhereIdsDo) {
  const auto entries = parse_subordinates("big:1:4294967290\nbig:5:100\n");
  const std::vector<os::IdRange> map = map_of(entries, "big", "1");
  ASSERT_EQ(map.size(), 2U);
  EXPECT_EQ(map[1].count, 5U);
}

TEST(Subordinates, ANewRangeComesBehindThoseThatExist) {
  EXPECT_EQ(next_subordinate({}), 100'000U);
  EXPECT_EQ(next_subordinate(kEntries), 231'072U);
  EXPECT_EQ(next_subordinate(parse_subordinates("a:200000:5\nb:90000:20000\n")), 110'000U);
}

TEST(AutomaticPool, IsWhatBothFilesGiveItsUser) {
  const auto uids = parse_subordinates("wharf:1000:1000\nwharf:5000:100\n");
  const auto gids = parse_subordinates("wharf:1500:5000\n");
  EXPECT_EQ(automatic_pool(uids, gids), (Blocks{{1500, 500}, {5000, 100}}));
  EXPECT_TRUE(automatic_pool(uids, {}).empty());
}

TEST(AutomaticPool, IsTheUpperHalfButForWhatAnybodyHas) {
  EXPECT_EQ(automatic_pool({}, {}), (Blocks{{0x8000'0000, 0x7fff'0000}}));
  EXPECT_EQ(automatic_pool(kEntries, kEntries), (Blocks{{0x8000'0000, 0x7fff'0000}}));
  const auto others = parse_subordinates("containers:2147483647:65537\n");
  EXPECT_EQ(automatic_pool(others, {}).front().first, 0x8001'0000U);
  EXPECT_EQ(automatic_pool({}, others).front().first, 0x8001'0000U);
  EXPECT_TRUE(automatic_pool(parse_subordinates("containers:2147483647:2147483648\n"), {}).empty());
}

TEST(Remap, NothingAndRootMeanThatItIsOff) {
  EXPECT_EQ(remapped_ids(""), std::nullopt);
  EXPECT_EQ(remapped_ids("root"), std::nullopt);
  EXPECT_EQ(remapped_ids("0:0"), std::nullopt);
}

}  // namespace
}  // namespace wharf::engine
