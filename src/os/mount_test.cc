#include "os/mount.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/file.h"

namespace wharf::os {
namespace {

std::size_t mounts() {
  const std::string table = read_file("/proc/self/mountinfo", 4 << 20);
  return static_cast<std::size_t>(std::ranges::count(table, '\n'));
}

TEST(DetachedMount, ReadOnlyBindRefusesWritesWhileItsSourceStaysWritable) {
  TempDirectory source;
  DetachedMount bind = DetachedMount::bind(open_directory(source.path()), Depth::TopOnly);
  bind.set_flags({.read_only = true}, Depth::TopOnly);
  try {
    (void)open_at(bind.fd(), "file", O_WRONLY | O_CREAT, 0600);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.error_number(), EROFS);
  }
  EXPECT_NO_THROW(replace_file(source.path() / "file", "x", 0600));
}

TEST(DetachedMount, NothingIsMountedAnywhereBeforeAttachAndNothingIsLeftAfter) {
  const std::size_t before = mounts();
  {
    const DetachedMount memory =
        DetachedMount::of_type("tmpfs", std::vector<MountOption>{{.key = "size", .value = "1m"}});
    write_all(open_at(memory.fd(), "f", O_WRONLY | O_CREAT, 0600), "x");
    EXPECT_EQ(mounts(), before);
  }
  EXPECT_EQ(mounts(), before);
}

TEST(DetachedMount, RefusalCarriesTheKernelsReason) {
  TempDirectory root;
  std::vector<Fd> twice;
  twice.push_back(open_directory(root.path()));
  twice.push_back(open_directory(root.path()));
  try {
    (void)DetachedMount::overlay({.lower = twice});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_NE(std::string(error.what()).find("overlay"), std::string::npos) << error.what();
    EXPECT_NE(error.error_number(), 0);
  }
}

TEST(DetachedMount, AttachPublishesTheMountInTheCallersNamespace) {
  // In a child, as a mount namespace belongs to a whole process here.
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0) ::_exit(2);
    const TempDirectory target;
    DetachedMount memory = DetachedMount::of_type("tmpfs", {});
    write_all(open_at(memory.fd(), "inside", O_WRONLY | O_CREAT, 0600), "x");
    std::move(memory).attach(open_directory(target.path()));
    const bool seen = read_file(target.path() / "inside") == "x";
    ::_exit(seen ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

class Overlay : public testing::TestWithParam<DetachedMount (*)(const OverlayParts&)> {};

INSTANTIATE_TEST_SUITE_P(EitherWay, Overlay,
                         testing::Values(&DetachedMount::overlay, &overlay_by_path));

TEST_P(Overlay, OfManyLayersShowsTheTopmost) {
  TempDirectory root;
  std::vector<Fd> lower;
  for (int i = 0; i < 100; ++i) {
    const Path layer = root.path() / std::to_string(i);
    make_directories(layer, 0755);
    replace_file(layer / "same", std::to_string(i), 0644);
    replace_file(layer / ("own" + std::to_string(i)), "x", 0644);
    lower.push_back(open_directory(layer));
  }
  const DetachedMount mount = GetParam()({.lower = lower});
  EXPECT_EQ(read_all(open_at(mount.fd(), "same", O_RDONLY), 10), "0");
  EXPECT_NO_THROW((void)open_at(mount.fd(), "own99", O_RDONLY));
}

TEST_P(Overlay, KeepsWhatIsWrittenInItsUpperDirectory) {
  TempDirectory root;
  for (const char* name : {"lower", "upper", "work"}) make_directories(root.path() / name, 0755);
  std::vector<Fd> lower;
  lower.push_back(open_directory(root.path() / "lower"));
  const Fd upper = open_directory(root.path() / "upper");
  const Fd work = open_directory(root.path() / "work");
  {
    const DetachedMount mount =
        GetParam()({.lower = lower, .upper = &upper, .work = &work, .discardable = true});
    write_all(open_at(mount.fd(), "new", O_WRONLY | O_CREAT, 0600), "x");
  }
  EXPECT_EQ(read_file(root.path() / "upper/new"), "x");
  EXPECT_FALSE(std::filesystem::exists(root.path() / "lower/new"));
  const std::string mounts = read_file("/proc/self/mounts");
  EXPECT_EQ(mounts.find(root.path().native()), std::string::npos);
}

}  // namespace
}  // namespace wharf::os
