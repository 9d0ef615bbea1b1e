#include "os/tree.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"

namespace wharf::os {
namespace {

TEST(RemoveTree, DirectoriesDeeperThanThereAreDescriptorsAreRemoved) {
  TempDirectory root;
  Fd at = open_file(root.path(), O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(::mkdirat(at.get(), "top", 0755), 0);
  at = open_at(at, "top", O_RDONLY | O_DIRECTORY);
  for (int depth = 0; depth < 1'500; ++depth) {
    ASSERT_EQ(::mkdirat(at.get(), "d", 0755), 0);
    at = open_at(at, "d", O_RDONLY | O_DIRECTORY);
  }
  at.reset();
  remove_tree(root.path() / "top");
  EXPECT_TRUE(std::filesystem::is_empty(root.path()));
}

TEST(RemoveTree, LinksAreRemovedAndNotFollowed) {
  TempDirectory root;
  make_directories(root.path() / "kept", 0755);
  replace_file(root.path() / "kept/file", "x", 0600);
  make_directories(root.path() / "gone/sub", 0755);
  ASSERT_EQ(::symlink("../kept", (root.path() / "gone/link").c_str()), 0);
  ASSERT_EQ(::symlink("../../kept", (root.path() / "gone/sub/link").c_str()), 0);
  remove_tree(root.path() / "gone");
  remove_tree(root.path() / "gone");
  EXPECT_EQ(read_file(root.path() / "kept/file"), "x");
  EXPECT_FALSE(std::filesystem::exists(root.path() / "gone"));
}

TEST(TreeSize, CountsHardLinksOnceAndFollowsNoLink) {
  TempDirectory root;
  make_directories(root.path() / "a/b", 0755);
  replace_file(root.path() / "a/b/f", std::string(1000, 'x'), 0600);
  ASSERT_EQ(::link((root.path() / "a/b/f").c_str(), (root.path() / "a/g").c_str()), 0);
  ASSERT_EQ(::symlink("/usr", (root.path() / "a/usr").c_str()), 0);
  const TreeSize size = tree_size(open_file(root.path(), O_RDONLY | O_DIRECTORY));
  std::uint64_t blocks = 0;
  for (const char* each : {"", "a", "a/b", "a/g", "a/usr"}) {
    struct stat found{};
    ASSERT_EQ(::lstat((root.path() / each).c_str(), &found), 0);
    blocks += static_cast<std::uint64_t>(found.st_blocks);
  }
  EXPECT_EQ(size.bytes, blocks * 512);
  EXPECT_EQ(size.entries, 5U);
}

TEST(TreeSize, HolesCostNothing) {
  TempDirectory root;
  replace_file(root.path() / "f", "x", 0600);
  ASSERT_EQ(::truncate((root.path() / "f").c_str(), 1L << 40), 0);
  EXPECT_LT(tree_size(open_file(root.path(), O_RDONLY | O_DIRECTORY)).bytes, 1U << 20);
}

}  // namespace
}  // namespace wharf::os
