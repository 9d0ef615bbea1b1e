// A user namespace given by its path: runtime-spec, config-linux.md, "Namespaces".
#include "os/mount.h"
#include "os/user_namespace.h"
#include "runtime/bundle_fixture.h"

namespace wharf::runtime {
namespace {

const os::IdMaps kMaps = {{{0, 100'000, 65'536}}, {{0, 100'000, 65'536}}};

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::string path_of(const os::Fd& fd) {
  return fmt::format("/proc/{}/fd/{}", ::getpid(), fd.get());
}

void join(Bundle& bundle, const char* type, const os::Fd& space) {
  json::array& list = bundle.linux_part()["namespaces"].as_array();
  for (json::value& each : list) {
    if (each.at("type") == type) each.as_object()["path"] = path_of(space);
    if (each.at("type") == type) return;
  }
  list.push_back(json::object{{"type", type}, {"path", path_of(space)}});
}

/// A bundle whose files belong to the root of kMaps.
void give_root(Bundle& bundle) {
  ::chmod(bundle.path().c_str(), 0755);
  ASSERT_EQ(::chown(bundle.root().c_str(), 100'000, 100'000), 0);
}

TEST(JoinedUserNamespace, TheContainerIsInItAndOwnsItsOtherNamespaces) {
  Bundle bundle;
  give_root(bundle);
  const os::UserNamespace space = os::make_user_namespace(kMaps, os::WithNetwork::No);
  struct stat status{};
  ASSERT_EQ(::fstat(space.user.get(), &status), 0);
  join(bundle, "user", space.user);
  // Mounting and a host name of its own are what only the owner of the namespaces may.
  EXPECT_EQ(bundle.output("busybox readlink /proc/self/ns/user; busybox id -u; busybox echo $$;"
                          "busybox awk '{print $2}' /proc/self/uid_map; echo x > /dev/null;"
                          "busybox hostname"),
            fmt::format("user:[{}]\n0\n1\n100000\nbox\n", status.st_ino));
}

TEST(JoinedUserNamespace, AnExecIsInItToo) {
  Bundle bundle;
  give_root(bundle);
  const os::UserNamespace space = os::make_user_namespace(kMaps, os::WithNetwork::No);
  join(bundle, "user", space.user);
  bundle.start_sleeping();
  const Result result = bundle.exec({"/bin/busybox", "cat", "/proc/self/uid_map"});
  EXPECT_EQ(os::parse_id_map(result.out), kMaps.uids) << result.err;
}

TEST(JoinedUserNamespace, ANetworkNamespaceThatBelongsToItIsJoinedAsWell) {
  Bundle bundle;
  give_root(bundle);
  const os::UserNamespace space = os::make_user_namespace(kMaps, os::WithNetwork::Yes);
  join(bundle, "user", space.user);
  join(bundle, "network", space.network);
  struct stat status{};
  ASSERT_EQ(::fstat(space.network.get(), &status), 0);
  EXPECT_EQ(bundle.output("busybox readlink /proc/self/ns/net"),
            fmt::format("net:[{}]\n", status.st_ino));
}

TEST(JoinedUserNamespace, AMountWithoutMappingsOfItsOwnHasThoseOfTheNamespace) {
  Bundle bundle;
  give_root(bundle);
  os::TempDirectory source;
  Bundle::write(source.path() / "file", "x");
  ASSERT_EQ(::chown((source.path() / "file").c_str(), 7, 7), 0);
  ::chmod(source.path().c_str(), 0755);
  const os::UserNamespace space = os::make_user_namespace(kMaps, os::WithNetwork::No);
  join(bundle, "user", space.user);
  bundle.add_mount(source.path().string(), "/data", {"bind", "idmap"});
  EXPECT_EQ(bundle.output("busybox stat -c %u /data/file; echo y > /data/new"), "7\n");
  struct stat made{};
  ASSERT_EQ(::stat((source.path() / "new").c_str(), &made), 0);
  EXPECT_EQ(made.st_uid, 0U);
}

TEST(JoinedUserNamespace, WhatIsNoUserNamespaceIsAnErrorThatSaysSo) {
  Bundle bundle;
  const os::Fd file = os::open_file("/proc/self/ns/uts", O_RDONLY);
  join(bundle, "user", file);
  const Result result = bundle.run();
  EXPECT_NE(result.status, 0);
  EXPECT_TRUE(contains(result.err, "join user namespace: invalid argument")) << result.err;
}

TEST(JoinedUserNamespace, APathThatIsMissingIsNamed) {
  Bundle bundle;
  bundle.linux_part()["namespaces"].as_array().push_back(
      json::object{{"type", "user"}, {"path", "/proc/self/ns/none"}});
  const Result result = bundle.run();
  EXPECT_TRUE(contains(result.err, "open namespace /proc/self/ns/none")) << result.err;
}

}  // namespace
}  // namespace wharf::runtime
