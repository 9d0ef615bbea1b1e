#include "container/id_blocks.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "os/file.h"

namespace wharf::container {
namespace {

using Blocks = std::vector<IdBlock>;

TEST(IdBlocks, TheModeSaysHowMany) {
  EXPECT_EQ(automatic_size("auto"), 65'536U);
  EXPECT_EQ(automatic_size("auto:size=10"), 10U);
  EXPECT_EQ(automatic_size(""), std::nullopt);
  EXPECT_EQ(automatic_size("host"), std::nullopt);
  EXPECT_EQ(automatic_size("autos"), std::nullopt);
  for (const char* bad : {"auto:", "auto:size=", "auto:size=0", "auto:size=-1", "auto:size=1x",
                          "auto:size=4294967296", "auto:uidmapping=0:1:2"}) {
    EXPECT_THROW(automatic_size(bad), base::Error) << bad;
  }
}

TEST(IdBlocks, TheLowestFreePlaceIsFound) {
  const Blocks pool = {{1000, 100}, {5000, 1000}};
  EXPECT_EQ(find_free(pool, {}, 100), (IdBlock{1000, 100}));
  EXPECT_EQ(find_free(pool, {}, 101), (IdBlock{5000, 101}));
  EXPECT_EQ(find_free(pool, {{1000, 50}}, 50), (IdBlock{1050, 50}));
  EXPECT_EQ(find_free(pool, {{5100, 100}, {1000, 100}, {5000, 50}}, 50), (IdBlock{5050, 50}));
  EXPECT_EQ(find_free(pool, {{5100, 100}, {1000, 100}, {5000, 50}}, 51), (IdBlock{5200, 51}));
  EXPECT_EQ(find_free(pool, {{900, 101}}, 100), (IdBlock{5000, 100}));
  EXPECT_EQ(find_free(pool, {}, 1001), std::nullopt);
  EXPECT_EQ(find_free({}, {}, 1), std::nullopt);
}

TEST(IdBlocks, ThePoolMayReachToTheLastId) {
  EXPECT_EQ(find_free({{0xffff'0000, 0xffff}}, {{0xffff'0000, 0xfff0}}, 15),
            (IdBlock{0xffff'fff0, 15}));
  EXPECT_EQ(find_free({{0xffff'0000, 0xffff}}, {{0xffff'0000, 0xfff0}}, 16), std::nullopt);
  EXPECT_EQ(find_free({{1, 10}}, {}, 0xffff'ffff), std::nullopt);
}

TEST(IdBlocks, WhatIsTakenIsCutOut) {
  const Blocks pool = {{100, 100}};
  EXPECT_EQ(without(pool, {50, 10}), pool);
  EXPECT_EQ(without(pool, {50, 60}), (Blocks{{110, 90}}));
  EXPECT_EQ(without(pool, {150, 10}), (Blocks{{100, 50}, {160, 40}}));
  EXPECT_EQ(without(pool, {190, 100}), (Blocks{{100, 90}}));
  EXPECT_EQ(without(pool, {0, 1000}), Blocks{});
  EXPECT_EQ(without(pool, {150, 0}), pool);
}

TEST(IdBlocks, ABlockGoesWithItsContainersRow) {
  const os::TempDirectory place;
  store::Database database(place.path() / "wharf.db");
  const Blocks pool = {{1000, 20}};
  const auto create = [&](const std::string& id) {
    IdBlock block;
    database.write([&](store::Transaction& transaction) {
      block = choose_block(transaction, pool, 10);
      transaction.run("INSERT INTO containers(id, name, created, record) VALUES(?, ?, 0, '')",
                      {id, id});
      keep_block(transaction, id, block);
    });
    return block.first;
  };
  EXPECT_EQ(create("a"), 1000U);
  EXPECT_EQ(create("b"), 1010U);
  try {
    create("c");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::Kind::Unavailable);
  }
  database.write([&](store::Transaction& transaction) {
    transaction.run("DELETE FROM containers WHERE id='a'");
  });
  EXPECT_EQ(create("c"), 1000U);
}

}  // namespace
}  // namespace wharf::container
