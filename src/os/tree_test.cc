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
  EXPECT_EQ(size.bytes, 1000U);
  EXPECT_EQ(size.entries, 5U);
  EXPECT_GE(size.disk_bytes, size.bytes);
  EXPECT_EQ(size.disk_bytes % 512, 0U);
}

}  // namespace
}  // namespace wharf::os
