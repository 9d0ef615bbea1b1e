#include "os/user_namespace.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "os/file.h"
#include "os/mount.h"
#include "os/namespace.h"
#include "os/tree.h"

namespace wharf::os {
namespace {

const IdMaps kMaps = {{{0, 100'000, 65'536}}, {{0, 200'000, 1000}, {1000, 5, 1}}};

std::size_t children() {
  std::size_t count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task"))
    count += read_file(task.path() / "children", 1 << 16).size();
  return count;
}

TEST(UserNamespaceTest, AnIdGoesOutAndInByItsRange) {
  EXPECT_EQ(outside_id(kMaps.uids, 7), 100'007U);
  EXPECT_EQ(outside_id(kMaps.gids, 1000), 5U);
  EXPECT_EQ(outside_id(kMaps.gids, 1001), std::nullopt);
  EXPECT_EQ(inside_id(kMaps.uids, 165'535), 65'535U);
  EXPECT_EQ(inside_id(kMaps.uids, 165'536), std::nullopt);
  EXPECT_EQ(inside_id(kMaps.uids, 0), std::nullopt);
}

TEST(UserNamespaceTest, MapsAreReadAsTheyAreWritten) {
  EXPECT_EQ(to_text(kMaps.gids), "0 200000 1000\n1000 5 1\n");
  EXPECT_EQ(parse_id_map("         0          0 4294967295\n"),
            (std::vector<IdRange>{{0, 0, 4'294'967'295}}));
  EXPECT_EQ(parse_id_map(to_text(kMaps.gids)), kMaps.gids);
  EXPECT_EQ(parse_id_map(""), std::vector<IdRange>{});
  EXPECT_THROW(parse_id_map("0 1"), base::Error);
  EXPECT_THROW(parse_id_map("0 -1 2"), base::Error);
  EXPECT_THROW(parse_id_map("0 4294967296 2"), base::Error);
}

TEST(UserNamespaceTest, OneIsHeldByItsDescriptorAndLeavesNoProcess) {
  const std::size_t before = children();
  const UserNamespace made = make_user_namespace(kMaps, WithNetwork::Yes);
  EXPECT_TRUE(made.user.valid());
  EXPECT_EQ(children(), before);
  bool entered = false;
  in_network_namespace(made.network, [&] { entered = true; });
  EXPECT_TRUE(entered);
}

TEST(UserNamespaceTest, ImpossibleMapsAreAnErrorThatNamesTheFile) {
  try {
    make_user_namespace({{{0, 1, 10}, {5, 100, 10}}, {{0, 0, 1}}}, WithNetwork::No);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_NE(std::string(error.what()).find("/uid_map: invalid argument"), std::string::npos);
  }
}

TEST(UserNamespaceTest, OnAnIdMappedMountFilesAreMadeByWhoActsAsItsRoot) {
  const Path place = std::filesystem::temp_directory_path() / "user-namespace-test";
  remove_tree(place);
  make_directories(place, 0755);
  const UserNamespace space = make_user_namespace(kMaps, WithNetwork::No);
  DetachedMount mount = DetachedMount::bind(open_directory(place), Depth::TopOnly);
  mount.map_ids(space.user, Depth::TopOnly);
  try {
    open_at(mount.fd(), "nobody", O_CREAT | O_WRONLY, 0600);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.error_number(), EOVERFLOW);
  }
  {
    const ActingAs root(kMaps);
    open_at(mount.fd(), "file", O_CREAT | O_WRONLY, 0600);
  }
  struct stat seen = status(open_at(mount.fd(), "file", O_PATH));
  EXPECT_EQ(seen.st_uid, 100'000U);
  EXPECT_EQ(seen.st_gid, 200'000U);
  seen = status(open_file(place / "file", O_PATH));
  EXPECT_EQ(seen.st_uid, 0U);
  EXPECT_EQ(seen.st_gid, 0U);
  remove_tree(place);
}

}  // namespace
}  // namespace wharf::os
