#include "oci/manifest.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "oci/image_config.h"

namespace wharf::oci {
namespace {

const std::string kA = "sha256:" + std::string(64, 'a');
const std::string kB = "sha256:" + std::string(64, 'b');

std::string descriptor(std::string_view type, const std::string& digest,
                       std::string_view extra = "") {
  return fmt::format(R"({{"mediaType":"{}","digest":"{}","size":1{}}})", type, digest, extra);
}

std::string manifest(std::string_view extra = "") {
  return fmt::format(R"({{"schemaVersion":2,"config":{},"layers":[{}]{}}})",
                     descriptor(media::kOciConfig, kA), descriptor(media::kOciLayerGzip, kB),
                     extra);
}

std::string refused(std::string_view text, std::string_view content_type = "") {
  try {
    parse_document(text, content_type);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::Kind::InvalidArgument);
    return error.what();
  }
  return "accepted";
}

TEST(Manifest, IsReadWithTheTypeThatTransportOrShapeSay) {
  const Document own = parse_document(manifest(), "");
  EXPECT_EQ(std::get<Manifest>(own).media_type, media::kOciManifest);
  const Document said =
      parse_document(manifest(), std::string(media::kDockerManifest) + "; charset=utf-8");
  EXPECT_EQ(std::get<Manifest>(said).media_type, media::kDockerManifest);
  EXPECT_EQ(std::get<Manifest>(said).layers.at(0).digest.text(), kB);
}

// CVE-2021-41190: one document that can be read as a manifest and as an index.
TEST(Manifest, AmbiguousDocumentsAreRefused) {
  EXPECT_EQ(refused(manifest(R"(,"manifests":[])")), "manifest: both layers and manifests");
  EXPECT_NE(refused(manifest(), media::kOciIndex), "accepted");
  EXPECT_NE(refused(R"({"schemaVersion":2,"manifests":[]})", media::kOciManifest), "accepted");
  EXPECT_NE(refused(manifest(fmt::format(R"(,"mediaType":"{}")", media::kOciManifest)),
                    media::kDockerManifest),
            "accepted");
  EXPECT_NE(refused(manifest(R"(,"mediaType":"application/x")")), "accepted");
  EXPECT_NE(refused(manifest(R"(,"LAYERS":[])")), "accepted");
}

TEST(Manifest, BrokenDocumentsAreErrors) {
  for (const char* bad :
       {"", "null", "[]", "1", "{}", R"({"schemaVersion":2})",
        R"({"schemaVersion":1,"fsLayers":[]})", R"({"schemaVersion":2,"config":null,"layers":[]})",
        R"({"schemaVersion":2,"manifests":[null]})", R"({"schemaVersion":2,"manifests":{}})"}) {
    EXPECT_NE(refused(bad), "accepted") << bad;
  }
  EXPECT_NE(refused(std::string(100'000, '[')), "accepted");
  EXPECT_NE(refused(std::string(kManifestLimit + 1, ' ')), "accepted");
  EXPECT_NE(refused(R"({"schemaVersion":2,"config":)" +
                    descriptor(media::kOciConfig, "sha256:../../x") + R"(,"layers":[]})"),
            "accepted");
  std::string negative = manifest();
  negative.replace(negative.find("\"size\":1"), 8, "\"size\":-1");
  EXPECT_NE(refused(negative), "accepted");
}

TEST(Manifest, LayersAreLimited) {
  std::string layers = descriptor(media::kOciLayer, kB);
  std::string text = R"({"schemaVersion":2,"config":)" + descriptor(media::kOciConfig, kA) +
                     ",\"layers\":[" + layers;
  for (std::size_t i = 0; i < kLayerLimit; ++i) text += "," + layers;
  EXPECT_NE(refused(text + "]}").find("more than the limit of 1000"), std::string::npos);
}

TEST(Manifest, NewOnesAreTheBytesOfGosEncoder) {
  Manifest made;
  made.media_type = media::kDockerManifest;
  made.config = {.media_type = std::string(media::kDockerConfig),
                 .digest = base::Digest::parse(kA),
                 .size_bytes = 387};
  made.layers = {{.media_type = std::string(media::kDockerLayer),
                  .digest = base::Digest::parse(kB),
                  .size_bytes = 2129920}};
  EXPECT_EQ(manifest_text(made).size(), 422U);
  EXPECT_EQ(std::get<Manifest>(parse_document(manifest_text(made), "")).layers, made.layers);
}

TEST(Index, ChoosesThePlatformAndPassesOverAttestations) {
  const std::string text =
      R"({"schemaVersion":2,"manifests":[)" +
      descriptor(media::kOciManifest, kA, R"(,"platform":{"os":"unknown","architecture":"unknown"},
        "annotations":{"vnd.docker.reference.type":"attestation-manifest"})") +
      "," +
      descriptor(media::kOciManifest, kB,
                 R"(,"platform":{"os":"linux","architecture":"arm","variant":"v6"})") +
      "," +
      descriptor(media::kOciManifest, kA, R"(,"platform":{"os":"linux","architecture":"amd64"})") +
      "]}";
  const Index index = std::get<Index>(parse_document(text, ""));
  EXPECT_EQ(choose(index, parse_platform("linux/amd64"))->digest.text(), kA);
  EXPECT_EQ(choose(index, parse_platform("linux/arm/v7"))->digest.text(), kB);
  EXPECT_EQ(choose(index, parse_platform("linux/arm64"))->digest.text(), kB);
  EXPECT_EQ(choose(index, parse_platform("linux/arm/v5")), nullptr);
  EXPECT_EQ(choose(index, parse_platform("windows/amd64")), nullptr);
}

TEST(Platform, SpecifiersAreNormalised) {
  EXPECT_EQ(parse_platform("linux/aarch64").text(), "linux/arm64");
  EXPECT_EQ(parse_platform("x86_64").text(), "linux/amd64");
  EXPECT_EQ(parse_platform("linux/armhf").text(), "linux/arm/v7");
  EXPECT_EQ(parse_platform("linux").architecture, host_platform().architecture);
  for (const char* bad : {"", "bogus", "a/b/c/d", "linux/*", "bogus/"})
    EXPECT_THROW(parse_platform(bad), base::Error) << bad;
  try {
    parse_platform("bogus/");
  } catch (const base::Error& error) {
    EXPECT_STREQ(
        error.what(),
        "\"\" is an invalid component of \"bogus/\": platform specifier component must match "
        "\"^[A-Za-z0-9_.-]+$\": invalid argument");
  }
}

std::string config_refused(std::string_view text) {
  try {
    parse_image_config(text);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::Kind::InvalidArgument);
    return error.what();
  }
  return "accepted";
}

TEST(ImageConfig, KeepsNilAndEmptyApart) {
  const ImageConfig config =
      parse_image_config(R"({"os":"linux","architecture":"amd64",)"
                         R"("config":{"Cmd":["sh"],"Entrypoint":null,"Env":[]},)"
                         R"("rootfs":{"type":"layers","diff_ids":[]}})");
  EXPECT_EQ(config.config.cmd, (std::vector<std::string>{"sh"}));
  EXPECT_FALSE(config.config.entrypoint);
  EXPECT_TRUE(config.config.env);
  EXPECT_TRUE(config.created_time().is_zero());
}

TEST(ImageConfig, BrokenOnesAreErrors) {
  for (const char* bad :
       {"", "null", "{}", R"({"rootfs":null})", R"({"rootfs":{"type":"x","diff_ids":[]}})",
        R"({"rootfs":{"type":"layers","diff_ids":["md5:x"]}})",
        R"({"created":"soon","rootfs":{"type":"layers","diff_ids":[]}})",
        R"({"config":{"Cmd":1},"rootfs":{"type":"layers","diff_ids":[]}})",
        R"({"config":{"Env":["A\u0000B"]},"rootfs":{"type":"layers","diff_ids":[]}})",
        R"({"config":{"Volumes":{"/a\u0000":{}}},"rootfs":{"type":"layers","diff_ids":[]}})"}) {
    EXPECT_NE(config_refused(bad), "accepted") << bad;
  }
}

TEST(ImageConfig, IsWrittenAsItIsRead) {
  ImageConfig config;
  config.architecture = "amd64";
  config.os = "linux";
  config.config.labels = Labels{{"a", "b"}};
  config.config.healthcheck = Healthcheck{.test = std::vector<std::string>{"NONE"}};
  config.rootfs.diff_ids = {kA};
  const ImageConfig again = parse_image_config(image_config_text(config));
  EXPECT_EQ(again.config, config.config);
  EXPECT_EQ(again.rootfs, config.rootfs);
}

}  // namespace
}  // namespace wharf::oci
