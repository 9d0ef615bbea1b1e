#include "archive/apply.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "archive/test_archives.h"
#include "base/error.h"
#include "os/file.h"

namespace wharf::archive {
namespace {

using namespace testing;

/// One layer directory beside a canary that no archive may touch.
class ApplyTest : public ::testing::TestWithParam<unsigned> {
 protected:
  ApplyTest() {
    for (const char* name : {"diff", "aside", "canary"}) os::make_directories(at(name), 0755);
    os::replace_file(at("canary") / "victim", "untouched", 0600);
    diff_ = os::open_directory(at("diff"));
    aside_ = os::open_directory(at("aside"));
  }
  ~ApplyTest() override {
    EXPECT_EQ(os::read_file(at("canary") / "victim"), "untouched");
    std::size_t names = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(at("canary")))
      ++names;
    EXPECT_EQ(names, 1U);
  }

  os::Path at(std::string_view name) const { return root.path() / name; }
  os::Path in(std::string_view name) const { return root.path() / "diff" / name; }
  std::string canary() const { return at("canary").native(); }

  Applied unpack(const std::string& bytes) {
    ::umask(0);
    const os::Fd file = os::open_file(at("tar-record"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    RecordWriter record(file);
    MemorySource memory(bytes);
    MeasuredSource measured(memory, 1ULL << 40);
    ApplyOptions options;
    options.writers = GetParam();
    options.aside = &aside_;
    options.record = &record;
    Applied applied = apply(measured, diff_, options);
    record.finish(applied.set_aside, measured.digest());
    expect_same_tar(file, bytes);
    return applied;
  }

  void expect_same_tar(const os::Fd& record, const std::string& bytes) {
    std::string made;
    write_tar(record, diff_, aside_, [&](std::string_view some) { made += some; });
    EXPECT_TRUE(made == bytes) << made.size() << " bytes, not " << bytes.size();
  }

  std::string refusal(const std::string& bytes) {
    try {
      unpack(bytes);
    } catch (const base::Error& error) {
      return error.what();
    }
    return {};
  }

  struct stat look(std::string_view name) const {
    struct stat found{};
    EXPECT_EQ(::lstat(in(name).c_str(), &found), 0) << name;
    return found;
  }
  bool opaque(std::string_view name) const {
    char value = 0;
    return ::lgetxattr(in(name).c_str(), "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
  }
  bool whiteout(std::string_view name) const {
    const struct stat found = look(name);
    return S_ISCHR(found.st_mode) && found.st_rdev == 0;
  }

  os::TempDirectory root;
  os::Fd diff_, aside_;
};

INSTANTIATE_TEST_SUITE_P(Writers, ApplyTest, ::testing::Values(0U, 1U, 2U));

TEST_P(ApplyTest, EveryKindOfEntryHasItsAttributes) {
  Item program = file("bin/su", std::string(200'000, 's'), 04755);
  program.entry.uid = 5;
  program.entry.gid = 6;
  program.entry.mtime_nanoseconds = 123'456'789;
  program.entry.xattrs["user.note"] = "n";
  program.entry.xattrs["trusted.overlay.redirect"] = "/etc";
  Item null = of_type(Type::CharDevice, "dev/null", {}, 0666);
  null.entry.major = 1;
  null.entry.minor = 3;
  const Applied applied =
      unpack(tar({dir("bin", 0751), program, link("sh", "bin/su"), hard("bin/su2", "/bin/su"), null,
                  of_type(Type::Fifo, "pipe", {}, 0600), file("empty", "")}));
  EXPECT_EQ(applied.bytes, 200'000U);
  EXPECT_EQ(applied.skipped_xattrs, 1U);
  EXPECT_EQ(applied.implied, std::vector<std::string>{"dev"});
  const struct stat su = look("bin/su");
  EXPECT_EQ(su.st_mode, S_IFREG | 04755U);
  EXPECT_EQ(su.st_uid, 5U);
  EXPECT_EQ(su.st_gid, 6U);
  EXPECT_EQ(su.st_nlink, 2U);
  EXPECT_EQ(su.st_mtim.tv_sec, 1'700'000'000);
  EXPECT_EQ(su.st_mtim.tv_nsec, 123'456'789);
  EXPECT_EQ(look("bin").st_mode, S_IFDIR | 0751U);
  EXPECT_EQ(look("bin").st_mtim.tv_sec, 1'700'000'000);
  EXPECT_EQ(look("dev/null").st_rdev, makedev(1, 3));
  EXPECT_EQ(look("pipe").st_mode, S_IFIFO | 0600U);
  EXPECT_EQ(look("empty").st_size, 0);
  char note = 0;
  EXPECT_EQ(::getxattr(in("bin/su").c_str(), "user.note", &note, 1), 1);
}

TEST_P(ApplyTest, NamesAboveTheRootAreRefused) {
  for (const std::string& name :
       std::vector<std::string>{"../../canary/evil", "a/../../../x", "/../canary/evil"}) {
    EXPECT_NE(refusal(tar({file(name)})).find("outside of the archive"), std::string::npos) << name;
  }
}

TEST_P(ApplyTest, AbsoluteAndDottedNamesAreInside) {
  unpack(tar({dir("./"), file(canary() + "/evil"), file("./a/../x"), file("/etc/passwd")}));
  EXPECT_TRUE(S_ISREG(look("etc/passwd").st_mode));
  EXPECT_TRUE(S_ISREG(look("x").st_mode));
  EXPECT_TRUE(S_ISREG(look(canary().substr(1) + "/evil").st_mode));
}

TEST_P(ApplyTest, FileAsTheRootIsRefused) {
  EXPECT_NE(refusal(tar({link(".", "/etc")})).find("root"), std::string::npos);
  EXPECT_NE(refusal(tar({file("", "x")})), "");
}

TEST_P(ApplyTest, NothingIsWrittenThroughALinkToTheOutside) {
  // Absolute: followed as a process inside would, so it lands inside.
  unpack(tar({link("s", canary()), file("s/evil"), file("s/victim", "owned")}));
  EXPECT_EQ(os::read_file(in(canary().substr(1) + "/victim")), "owned");
  // Climbing: the kernel stops it at the root.
  refusal(tar({link("t", "../../../../../../.." + canary()), file("t/evil")}));
}

TEST_P(ApplyTest, FileReplacesALinkInsteadOfWritingThroughIt) {
  unpack(tar({link("s", canary() + "/victim"), file("s", "mine")}));
  EXPECT_TRUE(S_ISREG(look("s").st_mode));
  EXPECT_EQ(os::read_file(in("s")), "mine");
}

TEST_P(ApplyTest, LinksOfTheArchiveAreFollowedInside) {
  unpack(tar({dir("usr"), dir("usr/lib"), link("lib", "usr/lib"), file("lib/a.so", "a"),
              link("run", "/var/run"), file("run/pid", "1")}));
  EXPECT_EQ(os::read_file(in("usr/lib/a.so")), "a");
  EXPECT_EQ(os::read_file(in("var/run/pid")), "1");
}

TEST_P(ApplyTest, LinkLoopsAndFilesAsDirectoriesAreRefused) {
  EXPECT_NE(refusal(tar({link("a", "b"), link("b", "a"), file("a/x")})).find("not a directory"),
            std::string::npos);
  EXPECT_NE(refusal(tar({file("f", "x"), file("f/y")})).find("not a directory"), std::string::npos);
}

TEST_P(ApplyTest, HardLinksStayInside) {
  unpack(tar({dir("bin"), file("bin/busybox", "bb"), hard("h", "/bin/busybox"),
              hard("bin/sh", "bin/busybox"), hard("bin/sh", "bin/sh")}));
  EXPECT_EQ(look("h").st_ino, look("bin/sh").st_ino);
  for (const std::string& target :
       {"../../.." + canary() + "/victim", std::string(".wh..wh.plnk/../../x"),
        canary() + "/victim", std::string("nowhere"), std::string("bin")}) {
    EXPECT_NE(refusal(tar({hard("evil", target)})), "") << target;
  }
  EXPECT_NE(refusal(tar({link("s", canary()), hard("e", "s/victim")})).find("not found"),
            std::string::npos);
}

TEST_P(ApplyTest, LastOfSeveralEntriesOfOneNameHoldsAndTheTarIsStillExact) {
  unpack(tar({dir("x"), file("x/deep", "one"), link("x", "y"), file("x", "two"), file("x", "three"),
              dir("x"), file("x/deep", "four"), file("x/deep", "five"), file("z", "six")}));
  EXPECT_EQ(os::read_file(in("x/deep")), "five");
  EXPECT_EQ(os::read_file(in("z")), "six");
}

TEST_P(ApplyTest, WhiteoutsBecomeWhatOverlayfsUnderstands) {
  unpack(tar({dir("d"), file("d/.wh.gone", ""), file("d/.wh..wh..opq", ""), file("top", "x"),
              file(".wh.top", ""), dir("kept"), file(".wh.kept", ""), file(".wh.new", ""),
              dir("new"), file(".wh..wh.plnk", "odd content")}));
  EXPECT_TRUE(whiteout("d/gone"));
  EXPECT_TRUE(opaque("d"));
  EXPECT_EQ(os::read_file(in("top")), "x");
  EXPECT_TRUE(opaque("kept"));
  EXPECT_TRUE(opaque("new"));
  EXPECT_FALSE(std::filesystem::exists(in(".wh..wh.plnk")));
}

TEST_P(ApplyTest, WhiteoutsOfTheOutsideAreRefused) {
  for (const std::string& name : std::vector<std::string>{".wh...", ".wh..", "d/.wh...", ".wh."}) {
    EXPECT_NE(refusal(tar({dir("d"), file(name, "")})).find("whiteout"), std::string::npos) << name;
  }
  refusal(tar({link("s", canary()), file("s/.wh.victim", "")}));
}

TEST_P(ApplyTest, LongAndDeepNamesWorkOrAreRefusedByName) {
  EXPECT_NE(refusal(tar({file(std::string(300, 'n'))})).find("too long"), std::string::npos);
  std::string deep;
  for (int i = 0; i < 3000; ++i) deep += "d/";
  EXPECT_NE(refusal(tar({file(deep + "f")})).find("too long"), std::string::npos);
  unpack(tar({file(deep.substr(0, 2000) + "f", "deep")}));
  EXPECT_EQ(os::read_file(in(deep.substr(0, 2000) + "f")), "deep");
}

TEST_P(ApplyTest, ManyFilesOfManySizesAreWrittenWhole) {
  std::vector<Item> items;
  for (int i = 0; i < 600; ++i) {
    const auto size = static_cast<std::size_t>(i) * 37 % 5000 + (i % 50 == 0 ? 300'000U : 0U);
    items.push_back(
        file(fmt::format("d{}/f{}", i % 7, i), std::string(size, static_cast<char>('a' + i % 26))));
  }
  unpack(tar(items));  // The tar made again from the tree is compared inside.
}

TEST_P(ApplyTest, AnyByteButSlashAndNulIsAName) {
  const std::string name = "n\n\x1b[31m\xff\xfe \"'";
  unpack(tar({file(name, "odd")}));
  EXPECT_EQ(os::read_file(in(name)), "odd");
}

TEST_P(ApplyTest, ReserveOfFreeSpaceIsKept) {
  ApplyOptions options;
  options.limits.reserve_bytes = UINT64_MAX;
  const std::string bytes = tar({file("f")});
  MemorySource source(bytes);
  // At most 5 % of the file system: this machine has more than that free.
  EXPECT_NO_THROW(apply(source, diff_, options));
}

}  // namespace
}  // namespace wharf::archive
