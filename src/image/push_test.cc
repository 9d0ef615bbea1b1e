#include "image/push.h"

#include "image/fixture_test.h"
#include "image/pull.h"
#include "image/real_registry_test.h"

namespace wharf::image {
namespace {

class PushTest : public ImageTest {
 protected:
  std::string push_text(const std::string& name) {
    std::string last;
    push(images, registry, {.reference = oci::Reference::parse(name)},
         [&](const Progress& line) {
           last += line.id.empty() || line.current ? "" : line.status + "|";
           if (line.status.find("digest: ") != std::string::npos) said = line.status;
         },
         {});
    return last;
  }

  registry::Registry registry{registry::Settings{.max_download_attempts = 8, .retry_delay_ms = 50}};
  std::string said;
};

TEST_F(PushTest, ImportedImageGoesToDebiansRegistryAndComesBack) {
  if (!RealRegistry::missing().empty()) GTEST_SKIP() << RealRegistry::missing() << " is missing";
  RealRegistry real;
  const std::string name = real.domain + "/gold/x:1";
  import_tar(images, source_of(layer_tar), {.name = oci::Reference::parse(name)}, {});
  const Image before = images.resolve(name);
  // The registry may still be starting.
  for (int attempt = 0; attempt < 40 && said.empty(); ++attempt) {
    try {
      EXPECT_EQ(push_text(name), "Preparing|Pushing|Pushed|");
    } catch (const base::Error&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  ASSERT_TRUE(said.starts_with("1: digest: sha256:")) << said;
  EXPECT_EQ(push_text(real.domain + "/gold/x"), "Preparing|Layer already exists|");
  images.remove(name, {});
  expect_nothing_left();
  pull(images, registry, {.reference = oci::Reference::parse(name)}, [](const Progress&) {}, {});
  const Image after = images.resolve(name);
  EXPECT_EQ(after.config_digest, before.config_digest);
  EXPECT_EQ(after.diff_ids, before.diff_ids);
  EXPECT_NE(said.find(after.id.text()), std::string::npos);

  // What was pulled is pushed under its own digests, mounted from where it came from.
  const std::string other = real.domain + "/silver/y:2";
  images.tag(name, oci::Reference::parse(other));
  EXPECT_EQ(push_text(other), "Mounted from gold/x|");
  EXPECT_NE(said.find(after.id.text()), std::string::npos);
}

TEST_F(PushTest, WhatIsNotHereCannotBePushed) {
  EXPECT_EQ(failure([&] { push_text("none"); }).second,
            "An image does not exist locally with the tag: none");
}

}  // namespace
}  // namespace wharf::image
