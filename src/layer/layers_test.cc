#include "layer/layers.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "archive/test_archives.h"

namespace wharf::layer {
namespace {

using archive::testing::dir;
using archive::testing::file;
using archive::testing::gzip;
using archive::testing::link;
using archive::testing::tar;
using base::Digest;

class LayersTest : public ::testing::Test {
 protected:
  Pin bring(const std::string& blob, const Digest& expected = {}) {
    Claim claim = layers->claim(Digest::parse(base::Sha256::of(blob).text()));
    EXPECT_TRUE(claim.ingest);
    claim.ingest->write(blob);
    return claim.ingest->finish(expected);
  }
  Pin keep(const std::string& blob, const std::string& owner) {
    Pin pin = bring(blob);
    layers->commit({&pin, 1});
    const std::vector<Digest> ids = {pin.diff_id()};
    database->write([&](store::Transaction& tx) { layers->hold(tx, owner, ids); });
    return pin;
  }
  void reopen() {
    layers.reset();
    database.reset();
    database.emplace(root.path() / "wharf.db");
    layers = std::make_unique<Layers>(root.path(), *database);
  }
  std::size_t layer_directories() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(root.path() / "layers")) {
      const std::string name = entry.path().filename();
      if (name != ".empty" && name != ".below") ++count;
    }
    return count;
  }

  os::TempDirectory root;
  std::optional<store::Database> database{root.path() / "wharf.db"};
  std::unique_ptr<Layers> layers = std::make_unique<Layers>(root.path(), *database);
};

std::string read_in(const os::DetachedMount& mount, const std::string& name) {
  return os::read_all(os::open_at(mount.fd(), name, O_RDONLY), 1 << 20);
}

TEST_F(LayersTest, GzipLayerIsUnpackedInTheSandboxAndMountedWithItsWritableLayer) {
  const std::string bytes = tar({dir("etc"), file("etc/hello", "hello\n")});
  const Pin pin = bring(gzip(bytes), base::Sha256::of(bytes));
  EXPECT_EQ(pin.diff_id(), base::Sha256::of(bytes));
  layers->commit({&pin, 1});

  const std::vector<Digest> ids = {pin.diff_id()};
  layers->create_writable("c1", ids);
  const os::DetachedMount mount = layers->mount("c1", ids);
  EXPECT_EQ(read_in(mount, "etc/hello"), "hello\n");
  os::write_all(os::open_at(mount.fd(), "etc/new", O_WRONLY | O_CREAT, 0644), "12345");
  EXPECT_EQ(os::read_file(layers->upper_directory("c1") / "etc/new"), "12345");
  EXPECT_EQ(layers->writable_size("c1"), 5U);
}

}  // namespace
}  // namespace wharf::layer
