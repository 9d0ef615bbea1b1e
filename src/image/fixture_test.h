// Stores in a temporary directory, and archives and registries that hold small images.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>

#include "archive/test_archives.h"
#include "base/error.h"
#include "content/blobs.h"
#include "image/images.h"
#include "image/import.h"
#include "image/load.h"
#include "image/save.h"
#include "layer/layers.h"

namespace wharf::image {

using archive::testing::dir;
using archive::testing::file;
using archive::testing::gzip;
using archive::testing::tar;
using base::Kind;

struct HeardEvents : base::EventSink {
  void publish(base::Event event) override {
    const std::lock_guard lock(mutex);
    heard.push_back(event.action + " " + event.attributes["name"]);
  }
  std::mutex mutex;  ///< Events come from any thread; tests look when all are done.
  std::vector<std::string> heard;
};

struct FakeUsers : Users {
  std::vector<User> users_of(const base::Digest& image) const override {
    return image == used ? users : std::vector<User>{};
  }
  base::Digest used;
  std::vector<User> users;
};

inline std::string digest_of(std::string_view bytes) {
  return base::Sha256::of(bytes).text();
}

/// A config whose layers are these tars.
inline std::string config_for(const std::vector<std::string>& diff_ids,
                              const std::string& arch = "amd64") {
  oci::ImageConfig config;
  config.created = "2024-01-01T00:00:00Z";
  config.architecture = arch;
  config.os = "linux";
  config.config.cmd = std::vector<std::string>{"sh"};
  config.config.labels = oci::Labels{{"corpus", "base"}};
  config.rootfs.diff_ids = diff_ids;
  config.history = {{.created = config.created, .created_by = "test"}};
  return oci::image_config_text(config);
}

/// A docker-archive; `layers` may be compressed. The config's diff ids are given apart.
inline std::string docker_archive(const std::string& config, const std::vector<std::string>& layers,
                                  const std::string& tags) {
  std::vector<archive::testing::Item> items = {file("config.json", config)};
  std::string names;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::string name = fmt::format("{}/layer.tar", i);
    items.push_back(file(name, layers[i]));
    names += (i ? ",\"" : "\"") + name + "\"";
  }
  items.push_back(file(
      "manifest.json",
      fmt::format(R"([{{"Config":"config.json","RepoTags":{},"Layers":[{}]}}])", tags, names)));
  return tar(items);
}

class ImageTest : public ::testing::Test {
 protected:
  static ByteSource source_of(const std::string& bytes) {
    auto at = std::make_shared<std::size_t>(0);
    return [at, bytes](std::span<char> into) {
      const std::size_t n = std::min(into.size(), bytes.size() - *at);
      bytes.copy(into.data(), n, *at);
      *at += n;
      return n;
    };
  }

  std::string load_text(const std::string& bytes, LoadRequest request = {}) {
    std::string said;
    load(images, source_of(bytes), request, [&](const Progress& line) { said += line.stream; }, {});
    return said;
  }

  template <class F>
  static std::pair<Kind, std::string> failure(F f) {
    try {
      f();
    } catch (const base::Error& error) {
      return {error.kind(), error.what()};
    }
    return {Kind::NotModified, "no error"};
  }

  std::size_t entries_in(const char* directory) const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(root.path() / directory)) {
      count += !entry.path().filename().string().starts_with(".");
    }
    return count;
  }

  /// Nothing of a failed intake may stay.
  void expect_nothing_left() {
    EXPECT_TRUE(images.list({}).empty());
    layers.empty_trash();
    EXPECT_EQ(entries_in("layers"), 0U);
    EXPECT_EQ(entries_in("content/sha256"), 0U);
  }

  std::string saved(const std::vector<std::string>& names) {
    std::string bytes;
    save(images, {names, {}}, [&](std::string_view part) { bytes += part; });
    return bytes;
  }

  os::TempDirectory root;
  store::Database database{root.path() / "wharf.db"};
  content::Blobs blobs{root.path()};
  layer::Layers layers{root.path(), database};
  HeardEvents events;
  Images images{{database, blobs, layers, events}};
  const std::string layer_tar = tar({dir("bin"), file("bin/sh", "#!\n", 0755)});
};

}  // namespace wharf::image
