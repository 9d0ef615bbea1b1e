#include "image/load.h"

#include "image/fixture_test.h"

namespace wharf::image {
namespace {

TEST_F(ImageTest, DockerArchiveBecomesAnImageWithADeterministicManifest) {
  const std::string config = config_for({digest_of(layer_tar)});
  EXPECT_EQ(load_text(docker_archive(config, {layer_tar}, R"(["busybox:latest","b:2"])")),
            "Loaded image: busybox:latest\nLoaded image: b:2\n");
  const Image image = images.resolve("busybox");
  EXPECT_EQ(image.repo_tags, (std::vector<std::string>{"busybox:latest", "b:2"}));
  EXPECT_EQ(image.media_type, oci::media::kDockerManifest);
  EXPECT_EQ(image.config_digest.text(), digest_of(config));
  EXPECT_EQ(image.diff_ids.at(0).text(), digest_of(layer_tar));
  EXPECT_EQ(images.resolve("docker.io/library/busybox").id, image.id);
  EXPECT_EQ(images.resolve(image.id.text()).id, image.id);
  EXPECT_EQ(images.resolve(std::string(image.id.hex().substr(0, 12))).id, image.id);
  EXPECT_EQ(images.resolve("busybox@" + image.id.text()).id, image.id);
}

TEST_F(ImageTest, CompressedArchivesAndLayersLoad) {
  const std::string config = config_for({digest_of(layer_tar)});
  EXPECT_EQ(load_text(gzip(docker_archive(config, {gzip(layer_tar)}, R"(["a:1"])"))),
            "Loaded image: a:1\n");
  EXPECT_EQ(images.resolve("a:1").diff_ids.at(0).text(), digest_of(layer_tar));
}

TEST_F(ImageTest, ImageWithoutTagsIsDangling) {
  const std::string said =
      load_text(docker_archive(config_for({digest_of(layer_tar)}), {layer_tar}, "null"));
  EXPECT_TRUE(said.starts_with("Loaded image ID: sha256:")) << said;
  EXPECT_EQ(images.list({}).size(), 1U);
  EXPECT_TRUE(images.list({}).at(0).repo_tags.empty());
}

TEST_F(ImageTest, NoImageInTheArchiveIsSaidSo) {
  EXPECT_EQ(failure([&] { load_text(""); }).second, "unrecognized image format");
  EXPECT_EQ(failure([&] { load_text(tar({file("hello")})); }).second, "unrecognized image format");
  EXPECT_EQ(failure([&] { load_text("not a tar"); }).second, "unexpected EOF");
}

// Threats A31: a tag appears only when every layer is what the config says.
TEST_F(ImageTest, WrongDiffIdLeavesNothing) {
  const std::string archive =
      docker_archive(config_for({digest_of("other")}), {layer_tar}, R"(["a:1"])");
  EXPECT_NE(failure([&] { load_text(archive); }).second.find("wrong diff id"), std::string::npos);
  expect_nothing_left();
}

TEST_F(ImageTest, MissingOrSurplusLayersLeaveNothing) {
  const std::string id = digest_of(layer_tar);
  EXPECT_NE(failure([&] {
              load_text(docker_archive(config_for({id, id}), {layer_tar}, R"(["a:1"])"));
            }).second,
            "no error");
  EXPECT_NE(
      failure([&] { load_text(docker_archive(config_for({}), {layer_tar}, R"(["a:1"])")); }).second,
      "no error");
  expect_nothing_left();
}

TEST_F(ImageTest, TruncatedArchiveLeavesNothingAndTheOldImageStays) {
  const std::string good =
      docker_archive(config_for({digest_of(layer_tar)}), {layer_tar}, R"(["a:1"])");
  load_text(good);
  const base::Digest before = images.resolve("a:1").id;
  const std::string other = tar({file("x", std::string(100'000, 'x'))});
  const std::string next = docker_archive(config_for({digest_of(other)}), {other}, R"(["a:1"])");
  for (const std::size_t cut : {std::size_t{600}, next.size() / 2, next.size() - 2048}) {
    EXPECT_NE(failure([&] { load_text(next.substr(0, cut)); }).second, "no error") << cut;
  }
  EXPECT_EQ(images.resolve("a:1").id, before);
}

// Threats A32: naming another image's layer does not give it.
TEST_F(ImageTest, ConfigThatNamesAnothersLayerGetsNothing) {
  const std::string secret = tar({file("secret.txt", "hush")});
  load_text(docker_archive(config_for({digest_of(secret)}), {secret}, R"(["victim:1"])"));
  const std::string attack =
      docker_archive(config_for({digest_of(secret)}), {layer_tar}, R"(["attacker:1"])");
  EXPECT_NE(failure([&] { load_text(attack); }).second.find("wrong diff id"), std::string::npos);
  const std::string manifest = blobs.read(images.resolve("victim:1").id);
  const std::string config = config_for({digest_of(secret)});
  const std::string layout = tar({file("oci-layout", R"({"imageLayoutVersion":"1.0.0"})"),
                                  file("blobs/sha256/" + digest_of(secret).substr(7), layer_tar),
                                  file("index.json", R"({"schemaVersion":2,"manifests":[]})")});
  EXPECT_NE(failure([&] { load_text(layout); }).second.find("wrong digest"), std::string::npos);
  EXPECT_THROW(images.resolve("attacker:1"), base::Error);
}

// Threats A33.
TEST_F(ImageTest, HostileManifestJsonIsAnErrorAndTagsNothing) {
  const std::string config = config_for({digest_of(layer_tar)});
  const auto with_manifest = [&](const std::string& text) {
    return tar(
        {file("config.json", config), file("l.tar", layer_tar), file("manifest.json", text)});
  };
  for (const std::string bad :
       {"[null]", "{\"a\":1}", "[{\"Config\":null}]",
        "[{\"Config\":\"../../../etc/passwd\",\"Layers\":[]}]",
        "[{\"Config\":\"/etc/passwd\",\"Layers\":[]}]",
        "[{\"Config\":\"config.json\",\"Layers\":[null]}]",
        "[{\"Config\":\"config.json\",\"Layers\":[\"../l.tar\"]}]",
        "[{\"Config\":\"config.json\",\"Layers\":[\"l.tar\"],\"RepoTags\":[\"../../x:1\"]}]",
        "[{\"Config\":\"config.json\",\"Layers\":[\"l.tar\"],\"RepoTags\":[\"UPPER:1\"]}]",
        "[{\"Config\":\"config.json\",\"Layers\":[\"l.tar\"],\"RepoTags\":[\"a:b:c\"]}]",
        "[{\"Config\":\"config.json\",\"Layers\":[\"l.tar\"],\"RepoTags\":[\"a\\nb:1\"]}]"}) {
    EXPECT_NE(failure([&] { load_text(with_manifest(bad)); }).second, "no error") << bad;
  }
  EXPECT_NE(failure([&] { load_text(with_manifest(std::string(100'000, '['))); }).second,
            "no error");
  expect_nothing_left();
}

TEST_F(ImageTest, LinksInAnArchiveLeadOnlyInsideIt) {
  using archive::testing::link;
  const std::string config = config_for({digest_of(layer_tar)});
  const std::string manifest =
      R"([{"Config":"config.json","RepoTags":["a:1"],"Layers":["x/layer.tar"]}])";
  const std::string good =
      tar({file("config.json", config), file("real.tar", layer_tar), dir("x"),
           link("x/layer.tar", "../real.tar"), file("manifest.json", manifest)});
  EXPECT_EQ(load_text(good), "Loaded image: a:1\n");
  const std::string bad =
      tar({file("config.json", config), dir("x"), link("x/layer.tar", "../../etc/passwd"),
           file("manifest.json", manifest)});
  EXPECT_NE(failure([&] { load_text(bad); }).second.find("not in the archive"), std::string::npos);
  const std::string loop = tar({file("config.json", config), dir("x"),
                                link("x/layer.tar", "layer.tar"), file("manifest.json", manifest)});
  EXPECT_NE(failure([&] { load_text(loop); }).second.find("not in the archive"), std::string::npos);
}

TEST_F(ImageTest, SavedImageLoadsAgainAsTheSame) {
  const base::Digest id =
      import_tar(images, source_of(gzip(layer_tar)),
                 {.name = oci::Reference::parse("im:1"), .changes = {"CMD [\"x\"]"}}, {});
  images.tag("im:1", oci::Reference::parse("im:2"));
  const std::string bytes = saved({"im:1", "im:2"});
  images.remove(id.text(), {.force = true});
  expect_nothing_left();
  EXPECT_EQ(load_text(bytes), "Loaded image: im:1\nLoaded image: im:2\n");
  EXPECT_EQ(images.resolve("im:2").id, id);
  EXPECT_EQ(load_text(bytes), "Loaded image: im:1\nLoaded image: im:2\n");
  EXPECT_EQ(images.resolve("im:1").config.config.cmd, (std::vector<std::string>{"x"}));
}

TEST_F(ImageTest, CompressedManifestIsSavedWithAStandIn) {
  load_text(docker_archive(config_for({digest_of(layer_tar)}), {gzip(layer_tar)}, R"(["a:1"])"));
  const Image before = images.resolve("a:1");
  const std::string bytes = saved({"a:1"});
  images.remove("a:1", {});
  EXPECT_EQ(load_text(bytes), "Loaded image: a:1\n");
  EXPECT_EQ(images.resolve("a:1").config_digest, before.config_digest);
  EXPECT_EQ(images.resolve("a:1").diff_ids, before.diff_ids);
}

TEST_F(ImageTest, IndexOfSeveralPlatformsKeepsWhatTheArchiveHas) {
  const std::string config = config_for({digest_of(layer_tar)});
  const std::string foreign = config_for({digest_of(layer_tar)}, "s390x");
  oci::Manifest manifest;
  manifest.media_type = oci::media::kOciManifest;
  const auto describe = [](std::string_view type, const std::string& bytes) {
    return oci::Descriptor{.media_type = std::string(type),
                           .digest = base::Sha256::of(bytes),
                           .size_bytes = static_cast<std::int64_t>(bytes.size())};
  };
  manifest.layers = {describe(oci::media::kOciLayer, layer_tar)};
  const auto manifest_for = [&](const std::string& text) {
    manifest.config = describe(oci::media::kOciConfig, text);
    return oci::manifest_text(manifest);
  };
  const std::string own = manifest_for(config);
  const std::string other = manifest_for(foreign);
  const auto entry = [&](const std::string& text, const std::string& arch) {
    oci::Descriptor descriptor = describe(oci::media::kOciManifest, text);
    descriptor.platform = oci::Platform{.architecture = arch, .os = "linux"};
    return base::to_text(oci::to_json(descriptor));
  };
  const std::string index = R"({"schemaVersion":2,"manifests":[)" + entry(other, "s390x") + "," +
                            entry(own, "amd64") + "]}";
  oci::Descriptor top = describe(oci::media::kOciIndex, index);
  top.annotations["io.containerd.image.name"] = "docker.io/library/multi:1";
  const auto blob = [](const std::string& bytes) {
    return file("blobs/sha256/" + digest_of(bytes).substr(7), bytes);
  };
  const std::string layout = tar({file("oci-layout", "{}"), blob(layer_tar), blob(config),
                                  blob(foreign), blob(own), blob(index),
                                  file("index.json", R"({"schemaVersion":2,"manifests":[)" +
                                                         base::to_text(oci::to_json(top)) + "]}")});
  EXPECT_EQ(load_text(layout), "Loaded image: multi:1\n");
  const Image image = images.resolve("multi:1");
  EXPECT_EQ(image.id.text(), digest_of(index));
  EXPECT_EQ(image.manifest.text(), digest_of(own));
  // The other platform's manifest is not in the archive: its image is not here.
  const auto [kind, text] =
      failure([&] { images.resolve("multi:1", oci::parse_platform("linux/s390x")); });
  EXPECT_EQ(kind, Kind::NotFound);
  EXPECT_EQ(text,
            "image with reference multi:1 was found but does not provide the specified platform "
            "(linux/s390x)");
  const std::vector<ManifestSummary> manifests = images.manifests(image.id);
  ASSERT_EQ(manifests.size(), 2U);
  EXPECT_FALSE(manifests[0].available);
  EXPECT_TRUE(manifests[1].available);
}

}  // namespace
}  // namespace wharf::image
