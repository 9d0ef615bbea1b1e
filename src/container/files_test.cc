// Tests of what cp, diff and commit are made of, on directories made up for them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"
#include "container/changes.h"
#include "container/file_paths.h"
#include "container/first_files.h"
#include "os/file.h"

namespace wharf::container {
namespace {

TEST(CopyPath, IsCleanButForWhatNamesADirectory) {
  EXPECT_EQ(copy_path("etc"), "/etc");
  EXPECT_EQ(copy_path("/a//b/../c/"), "/a/c/");
  EXPECT_EQ(copy_path("/etc/."), "/etc/.");
  EXPECT_EQ(copy_path("../../x"), "/x");
  EXPECT_EQ(copy_path("/"), "/");
  EXPECT_EQ(copy_path("/."), "/.");
  EXPECT_EQ(copy_path("."), "/.");
  EXPECT_EQ(copy_path("/a/.."), "/");
}

TEST(LastPart, IsGosBase) {
  EXPECT_EQ(last_part("/etc/passwd"), "passwd");
  EXPECT_EQ(last_part("/etc/"), "etc");
  EXPECT_EQ(last_part("/etc/."), ".");
  EXPECT_EQ(last_part("/"), "/");
}

TEST(FollowedPath, StaysInTheRootAndEndsWhereLinksLead) {
  os::TempDirectory root;
  os::make_directories(root.path() / "a/b", 0755);
  ASSERT_EQ(::symlink("/a", (root.path() / "abs").c_str()), 0);
  ASSERT_EQ(::symlink("../../../../etc", (root.path() / "a/up").c_str()), 0);
  ASSERT_EQ(::symlink("loop", (root.path() / "loop").c_str()), 0);
  const os::Fd fd = os::open_directory(root.path());
  EXPECT_EQ(followed_path(fd, "/abs/b"), "/a/b");
  EXPECT_EQ(followed_path(fd, "/a/up/passwd"), "/etc/passwd");
  EXPECT_EQ(followed_path(fd, "/abs/../x"), "/x");
  EXPECT_EQ(followed_path(fd, "/missing/../a/."), "/a");
  EXPECT_EQ(followed_path(fd, "/"), "/");
  EXPECT_THROW(followed_path(fd, "/loop/x"), base::Error);
}

TEST(IsBelow, ComparesWholeParts) {
  EXPECT_TRUE(is_below("/v", "/v"));
  EXPECT_TRUE(is_below("/v/a", "/v"));
  EXPECT_TRUE(is_below("/v", "/"));
  EXPECT_FALSE(is_below("/vv", "/v"));
}

class ChangesTest : public ::testing::Test {
 protected:
  ChangesTest() {
    os::make_directories(image(""), 0755);
    os::make_directories(upper(""), 0755);
  }
  os::Path image(std::string_view name) const { return root.path() / "image" / name; }
  os::Path upper(std::string_view name) const { return root.path() / "upper" / name; }
  static void write(const os::Path& path) {
    os::make_directories(path.parent_path(), 0755);
    os::replace_file(path, "x", 0644);
  }
  void whiteout(std::string_view name) {
    os::make_directories(upper(name).parent_path(), 0755);
    ASSERT_EQ(::mknod(upper(name).c_str(), S_IFCHR, makedev(0, 0)), 0);
  }
  std::string changes() {
    std::string text;
    const auto found = find_changes(os::open_directory(image("")), os::open_directory(upper("")));
    for (const auto& change : found) {
      text += std::string(1, "CAD"[change.kind]) + " " + change.path + "\n";
    }
    return text;
  }
  os::TempDirectory root;
};

TEST_F(ChangesTest, AreAddedChangedAndDeletedWithTheirDirectories) {
  write(image("etc/a"));
  write(image("etc/b"));
  write(upper("etc/a"));
  write(upper("etc/new/c"));
  whiteout("etc/b");
  EXPECT_EQ(changes(), "C /etc\nC /etc/a\nD /etc/b\nA /etc/new\nA /etc/new/c\n");
}

TEST_F(ChangesTest, ADirectoryThatOnlyHoldsNothingNewIsNone) {
  write(image("etc/a"));
  os::make_directories(upper("etc"), 0755);
  EXPECT_EQ(changes(), "");
  ASSERT_EQ(::chmod(upper("etc").c_str(), 0700), 0);
  EXPECT_EQ(changes(), "C /etc\n");
}

TEST_F(ChangesTest, WhatADirectoryMadeAnewHidesIsDeletedAtEveryDepth) {
  write(image("d/gone"));
  write(image("d/sub/gone"));
  write(image("d/sub/again"));
  write(upper("d/sub/again"));
  ASSERT_EQ(::setxattr(upper("d").c_str(), "trusted.overlay.opaque", "y", 1, 0), 0);
  EXPECT_EQ(changes(), "C /d\nD /d/gone\nC /d/sub\nC /d/sub/again\nD /d/sub/gone\n");
}

TEST_F(ChangesTest, ALinkOfTheImageIsNotFollowed) {
  write(image("real/x"));
  ASSERT_EQ(::symlink("real", image("d").c_str()), 0);
  write(upper("d/x"));
  EXPECT_EQ(changes(), "C /d\nA /d/x\n");
}

TEST_F(ChangesTest, WhatTheEngineMadeIsNone) {
  make_first_files(os::open_directory(upper("")));
  EXPECT_TRUE(std::filesystem::is_symlink(upper("etc/mtab")));
  struct stat found{};
  ASSERT_EQ(::stat(upper("etc/hostname").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0755U & ~0022U);
  EXPECT_EQ(changes(), "");
  write(upper("etc/hosts"));
  write(upper("proc/x"));
  EXPECT_EQ(changes(), "A /etc\nA /etc/hosts\nA /proc\nA /proc/x\n");
}

TEST(MountPoints, AreMadeInsideTheRootOnly) {
  os::TempDirectory root;
  ASSERT_EQ(::symlink("/tmp", (root.path() / "out").c_str()), 0);
  os::make_directories(root.path() / "tmp", 0755);
  const os::Fd fd = os::open_directory(root.path());
  make_mount_point(fd, "/out/wharf-mount-point/x", true);
  make_mount_point(fd, "/out/wharf-mount-point/f", false);
  make_mount_point(fd, "/out/wharf-mount-point/f", false);
  EXPECT_TRUE(std::filesystem::is_directory(root.path() / "tmp/wharf-mount-point/x"));
  EXPECT_TRUE(std::filesystem::is_regular_file(root.path() / "tmp/wharf-mount-point/f"));
  EXPECT_FALSE(std::filesystem::exists("/tmp/wharf-mount-point"));
}

}  // namespace
}  // namespace wharf::container
