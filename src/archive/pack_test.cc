#include "archive/pack.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "archive/apply.h"
#include "archive/test_archives.h"
#include "base/error.h"
#include "os/file.h"

namespace wharf::archive {
namespace {

using namespace testing;

/// Two trees: one is packed, and one is unpacked into.
class PackTest : public ::testing::Test {
 protected:
  PackTest() {
    ::umask(0);
    os::make_directories(from(""), 0755);
    os::make_directories(onto(""), 0755);
  }

  os::Path from(std::string_view name) const { return root.path() / "from" / name; }
  os::Path onto(std::string_view name) const { return root.path() / "onto" / name; }

  std::string packed(const std::string& name) {
    std::string bytes;
    TarWriter tar([&](std::string_view some) { bytes += some; });
    Packer packer(tar);
    packer.tree(os::open_file(from(""), O_RDONLY | O_DIRECTORY), name);
    tar.finish();
    return bytes;
  }

  static std::vector<std::string> names(const std::string& bytes) {
    MemorySource memory(bytes);
    TarReader reader(memory, {});
    std::vector<std::string> all;
    Entry entry;
    while (reader.next(entry)) all.push_back(entry.name);
    return all;
  }

  void lay(const std::string& bytes, Onto options) {
    MemorySource memory(bytes);
    ApplyOptions apply_options;
    apply_options.whiteouts = Whiteouts::Plain;
    apply_options.onto = &options;
    apply(memory, os::open_directory(onto("")), apply_options);
  }

  std::string refusal(const std::string& bytes, const Onto& options) {
    try {
      lay(bytes, options);
    } catch (const base::Error& error) {
      return error.what();
    }
    return "laid";
  }

  static struct stat look(const os::Path& path) {
    struct stat found{};
    EXPECT_EQ(::lstat(path.c_str(), &found), 0) << path;
    return found;
  }

  os::TempDirectory root;
};

TEST_F(PackTest, NamesAreSortedAndBeginAsAskedFor) {
  os::make_directories(from("b/c"), 0755);
  os::replace_file(from("b/c/d"), "x", 0600);
  os::replace_file(from("a"), "y", 0600);
  EXPECT_EQ(names(packed("etc")),
            (std::vector<std::string>{"etc/", "etc/a", "etc/b/", "etc/b/c/", "etc/b/c/d"}));
  EXPECT_EQ(names(packed("")), (std::vector<std::string>{"a", "b/", "b/c/", "b/c/d"}));
  EXPECT_EQ(names(packed("/")).front(), "/");
  EXPECT_EQ(names(packed("/")).at(1), "/a");
  EXPECT_EQ(names(packed(".")).at(1), "./a");
}

TEST_F(PackTest, ATreeComesOutAsItWentIn) {
  os::make_directories(from("d"), 0755);
  os::replace_file(from("d/file"), std::string(700'000, 'z'), 0640);
  ASSERT_EQ(::chown(from("d/file").c_str(), 5, 6), 0);
  ASSERT_EQ(::link(from("d/file").c_str(), from("again").c_str()), 0);
  ASSERT_EQ(::symlink("d/file", from("link").c_str()), 0);
  ASSERT_EQ(::mkfifo(from("fifo").c_str(), 0600), 0);
  ASSERT_EQ(::mknod(from("null").c_str(), S_IFCHR | 0666, makedev(1, 3)), 0);
  ASSERT_EQ(::chmod(from("d").c_str(), 01770), 0);
  const timespec old[2] = {{1'600'000'000, 0}, {1'600'000'000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, from("d").c_str(), old, 0), 0);

  lay(packed("t"), {});
  EXPECT_EQ(os::read_file(onto("t/d/file")), std::string(700'000, 'z'));
  EXPECT_EQ(look(onto("t/d/file")).st_uid, 5U);
  EXPECT_EQ(look(onto("t/d/file")).st_gid, 6U);
  EXPECT_EQ(look(onto("t/again")).st_ino, look(onto("t/d/file")).st_ino);
  EXPECT_EQ(std::filesystem::read_symlink(onto("t/link")), "d/file");
  EXPECT_TRUE(S_ISFIFO(look(onto("t/fifo")).st_mode));
  EXPECT_EQ(look(onto("t/null")).st_rdev, makedev(1, 3));
  EXPECT_EQ(look(onto("t/d")).st_mode & 07777, 01770U);
  EXPECT_EQ(look(onto("t/d")).st_mtim.tv_sec, 1'600'000'000);
}

TEST_F(PackTest, SocketsAreLeftOut) {
  const os::Fd made(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{AF_UNIX, {}};
  from("s").native().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(made.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_TRUE(names(packed("")).empty());
}

TEST_F(PackTest, ADirectoryTooDeepIsAnErrorAndNoOverflow) {
  os::Fd at = os::open_directory(from(""));
  for (int i = 0; i < kMaxPackedDepth + 1; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), "d", 0755), 0);
    at = os::open_at(at, "d", O_PATH | O_DIRECTORY);
  }
  EXPECT_THROW(packed(""), base::Error);
}

TEST_F(PackTest, FilesBelongToWhomTheArchiveSaysAlsoInASetgidDirectory) {
  os::make_directories(onto("mail"), 0755);
  ASSERT_EQ(::chown(onto("mail").c_str(), 0, 8), 0);
  ASSERT_EQ(::chmod(onto("mail").c_str(), 02775), 0);
  lay(tar({file("f")}), {.below = "mail", .shown = "/mail"});
  EXPECT_EQ(look(onto("mail/f")).st_gid, 0U);
  lay(tar({file("g")}), {.below = "mail", .shown = "/mail", .set_owner = true, .uid = 7, .gid = 9});
  EXPECT_EQ(look(onto("mail/g")).st_uid, 7U);
  EXPECT_EQ(look(onto("mail/g")).st_gid, 9U);
}

TEST_F(PackTest, KindsAreKeptWhereAskedAndReplacedOtherwise) {
  os::make_directories(onto("d/sub"), 0755);
  os::replace_file(onto("f"), "old", 0600);
  const Onto keep{.below = "", .shown = "/", .keep_kinds = true};
  EXPECT_EQ(refusal(tar({file("d")}), keep),
            "cannot overwrite directory \"d\" with non-directory \"/\"");
  EXPECT_EQ(refusal(tar({dir("f")}), keep),
            "cannot overwrite non-directory \"f\" with directory \"/\"");
  EXPECT_EQ(refusal(tar({dir("d"), file("f", "new")}), keep), "laid");
  EXPECT_EQ(os::read_file(onto("f")), "new");
  lay(tar({file("d", "now a file"), dir("f")}), {});
  EXPECT_EQ(os::read_file(onto("d")), "now a file");
  EXPECT_TRUE(std::filesystem::is_directory(onto("f")));
}

TEST_F(PackTest, LinksInTheTreeLeadInsideIt) {
  os::make_directories(onto("real"), 0755);
  os::make_directories(onto("work"), 0755);
  ASSERT_EQ(::symlink("/real", onto("work/link").c_str()), 0);
  ASSERT_EQ(::symlink("../../../../../../real", onto("work/up").c_str()), 0);
  lay(tar({file("link/one"), file("up/two")}), {.below = "work", .shown = "/work"});
  EXPECT_TRUE(std::filesystem::exists(onto("real/one")));
  EXPECT_TRUE(std::filesystem::exists(onto("real/two")));
  EXPECT_THROW(lay(tar({file("../../x")}), {.below = "work", .shown = "/work"}), base::Error);
  EXPECT_FALSE(std::filesystem::exists(onto("x")));
}

TEST_F(PackTest, AnEntryForTheDirectoryItselfChangesNothingOfIt) {
  os::make_directories(onto("w"), 0751);
  lay(tar({dir("./", 0700), file("./f")}), {.below = "w", .shown = "/w"});
  EXPECT_EQ(look(onto("w")).st_mode & 07777, 0751U);
  EXPECT_TRUE(std::filesystem::exists(onto("w/f")));
}

}  // namespace
}  // namespace wharf::archive
