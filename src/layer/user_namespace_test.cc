// Layers mounted for a container in a user namespace.
#include "os/user_namespace.h"

#include <sys/stat.h>

#include "layer/test_layers.h"

namespace wharf::layer {
namespace {

os::IdSpace space() {
  const os::IdMaps maps = {{{0, 100'000, 1000}}, {{0, 200'000, 1000}}};
  return {maps, os::make_user_namespace(maps, os::WithNetwork::No).user};
}

std::pair<uid_t, gid_t> owner(const os::DetachedMount& mount, const std::string& path) {
  const struct stat found = os::status(os::open_beneath(mount.fd(), path, O_PATH | O_NOFOLLOW));
  return {found.st_uid, found.st_gid};
}

using Owner = std::pair<uid_t, gid_t>;

TEST_F(LayersTest, ForAUserNamespaceIdsAreShiftedAndThoseOnTheDiskAreNot) {
  archive::testing::Item other = file("other", "x");
  other.entry.uid = 7;
  other.entry.gid = 8;
  archive::testing::Item far = file("far", "x");
  far.entry.uid = 5000;
  const Pin pin = keep(tar({dir("etc"), file("etc/hello", "hello"), other, far}), "image:a");
  const std::vector<Digest> ids = {pin.diff_id()};
  const os::IdSpace shifted = space();
  layers->create_writable("c1", ids);
  MountOptions options;
  options.ids = &shifted;
  {
    const os::DetachedMount mount = layers->mount("c1", ids, options);
    EXPECT_EQ(owner(mount, "etc/hello"), (Owner{100'000, 200'000}));
    EXPECT_EQ(owner(mount, "other"), (Owner{100'007, 200'008}));
    EXPECT_EQ(owner(mount, "far"), (Owner{os::kOverflowId, 200'000}));
    const os::ActingAs mapped_root(shifted.maps);
    const os::Fd made = os::open_at(mount.fd(), "etc/new", O_CREAT | O_WRONLY, 0644);
    os::check(::fchown(made.get(), 100'003, 200'004), "chown");
    os::check(::unlinkat(mount.fd().get(), "other", 0), "unlink");
    os::check(::fchownat(mount.fd().get(), "etc/hello", 100'009, 200'009, 0), "chown");
  }
  struct stat found{};
  ASSERT_EQ(::stat((layers->upper_directory("c1") / "etc/new").c_str(), &found), 0);
  EXPECT_EQ((Owner{found.st_uid, found.st_gid}), (Owner{3, 4}));
  const os::DetachedMount plain = layers->mount("c1", ids);
  EXPECT_EQ(owner(plain, "etc/new"), (Owner{3, 4}));
  EXPECT_EQ(owner(plain, "etc/hello"), (Owner{9, 9}));
  EXPECT_EQ(owner(plain, "far"), (Owner{5000, 0}));
  EXPECT_THROW(owner(plain, "other"), base::Error);
}

TEST_F(LayersTest, WhatIsAtRestAndAnImageAreShownShiftedAsWell) {
  const Pin pin = keep(tar({file("hello", "hello")}), "image:a");
  const std::vector<Digest> ids = {pin.diff_id()};
  const os::IdSpace shifted = space();
  layers->create_writable("c1", ids);
  EXPECT_EQ(owner(layers->mount_at_rest("c1", ids, &shifted), "hello"), (Owner{100'000, 200'000}));
  EXPECT_EQ(owner(layers->mount_image(ids, &shifted), "hello"), (Owner{100'000, 200'000}));
  EXPECT_EQ(owner(layers->mount_image(ids), "hello"), (Owner{0, 0}));
}

TEST_F(LayersTest, NothingStaysMountedWhereAUserNamespacesLayersAreMissing) {
  const os::IdSpace shifted = space();
  MountOptions options;
  options.ids = &shifted;
  const std::string before = os::read_file("/proc/self/mountinfo");
  layers->create_writable("c1", {});
  try {
    layers->mount("c1", std::vector<Digest>{base::Sha256::of("none")}, options);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_NE(std::string(error.what()).find("is missing or broken"), std::string::npos);
  }
  EXPECT_EQ(os::read_file("/proc/self/mountinfo"), before);
}

}  // namespace
}  // namespace wharf::layer
