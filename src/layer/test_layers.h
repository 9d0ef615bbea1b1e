// A data root with a database and Layers on it. Tests alone include it.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>

#include "archive/test_archives.h"
#include "layer/layers.h"

namespace wharf::layer {

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
  std::string refusal(const std::string& blob, const Digest& expected = {}) {
    try {
      bring(blob, expected);
    } catch (const base::Error& error) {
      return error.what();
    }
    return {};
  }
  bool known(const Digest& diff_id) {
    try {
      layers->info(diff_id);
      return true;
    } catch (const base::Error&) {
      return false;
    }
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

inline std::string read_in(const os::DetachedMount& mount, const std::string& name) {
  return os::read_all(os::open_at(mount.fd(), name, O_RDONLY), 1 << 20);
}

}  // namespace wharf::layer
