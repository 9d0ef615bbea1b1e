#include "layer/draft.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "layer/test_layers.h"

namespace wharf::layer {
namespace {

void put(const os::Path& path, const std::string& text) {
  os::replace_file(path, text, 0644);
}

TEST_F(LayersTest, a_draft_becomes_a_layer_whose_tar_unpacks_to_the_same) {
  const auto draft = layers->draft();
  const os::Path at = draft->directory();
  os::make_directories(at / "etc/deep", 0755);
  put(at / "etc/deep/file", "content");
  put(at / "empty", "");
  ASSERT_EQ(::link((at / "empty").c_str(), (at / "other").c_str()), 0);
  ASSERT_EQ(::symlink("etc/deep", (at / "link").c_str()), 0);
  ASSERT_EQ(::mknod((at / "gone").c_str(), S_IFCHR, ::makedev(0, 0)), 0);
  ASSERT_EQ(::setxattr((at / "etc").c_str(), "trusted.overlay.opaque", "y", 1, 0), 0);
  const Pin pin = draft->finish();
  layers->commit({&pin, 1});
  std::string tar;
  layers->write_tar(pin.diff_id(), [&](std::string_view bytes) { tar += bytes; });
  EXPECT_EQ(base::Sha256::of(tar), pin.diff_id());
  EXPECT_EQ(draft->tar_bytes(), tar.size());
  EXPECT_NE(tar.find(".wh.gone"), std::string::npos);
  EXPECT_NE(tar.find("etc/.wh..wh..opq"), std::string::npos);

  os::TempDirectory elsewhere;
  store::Database fresh(elsewhere.path() / "wharf.db");
  Layers unpacked(elsewhere.path(), fresh);
  const auto ingest = unpacked.begin();
  ingest->write(tar);
  const Pin again = ingest->finish(pin.diff_id());
  EXPECT_EQ(again.info().size, pin.info().size);
  const std::vector<Digest> ids = {again.diff_id()};
  EXPECT_EQ(read_in(unpacked.mount_image(ids), "etc/deep/file"), "content");
}

TEST_F(LayersTest, a_draft_that_is_dropped_leaves_nothing) {
  const std::size_t before = layer_directories();
  {
    const auto draft = layers->draft();
    put(draft->directory() / "x", "1");
  }
  layers->empty_trash();
  EXPECT_EQ(layer_directories(), before);
}

TEST_F(LayersTest, a_socket_is_not_in_a_draft_layer) {
  const auto draft = layers->draft();
  const os::Fd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  const std::string path = draft->directory() / "s";
  ASSERT_LT(path.size(), sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const Pin pin = draft->finish();
  EXPECT_EQ(pin.info().entries, 0U);
}

TEST_F(LayersTest, the_same_files_are_the_same_layer) {
  std::vector<Digest> ids;
  for (int i = 0; i < 2; ++i) {
    const auto draft = layers->draft();
    put(draft->directory() / "x", "1");
    const timespec times[2] = {{1, 0}, {1, 0}};
    ::utimensat(AT_FDCWD, (draft->directory() / "x").c_str(), times, 0);
    const Pin pin = draft->finish();
    layers->commit({&pin, 1});
    ids.push_back(pin.diff_id());
  }
  EXPECT_EQ(ids[0], ids[1]);
}

}  // namespace
}  // namespace wharf::layer
