#include "image/pull.h"

#include "image/fixture_test.h"
#include "image/real_registry_test.h"
#include "registry/fake_registry_test.h"

namespace wharf::image {
namespace {

using registry::FakeRegistry;
using registry::Reply;
using registry::Seen;

oci::Descriptor describe(std::string_view type, const std::string& bytes) {
  return {.media_type = std::string(type),
          .digest = base::Sha256::of(bytes),
          .size_bytes = static_cast<std::int64_t>(bytes.size())};
}

/// What a registry holds: documents by tag and digest, blobs by digest.
struct Shelf {
  std::map<std::string, std::pair<std::string, std::string>>
      documents;  ///< Content type and bytes.
  std::map<std::string, std::string> blobs;

  std::string put_document(std::string_view type, const std::string& bytes,
                           const std::string& tag = "") {
    documents[digest_of(bytes)] = {std::string(type), bytes};
    if (!tag.empty()) documents[tag] = documents[digest_of(bytes)];
    return digest_of(bytes);
  }
  std::string put_image(const std::string& config, const std::vector<std::string>& layers,
                        const std::string& tag) {
    oci::Manifest manifest;
    manifest.media_type = oci::media::kOciManifest;
    manifest.config = describe(oci::media::kOciConfig, config);
    blobs[digest_of(config)] = config;
    for (const std::string& layer : layers) {
      manifest.layers.push_back(describe(oci::media::kOciLayerGzip, layer));
      blobs[digest_of(layer)] = layer;
    }
    return put_document(oci::media::kOciManifest, oci::manifest_text(manifest), tag);
  }

  Reply answer(const Seen& seen) const {
    const std::string name = seen.target.substr(seen.target.rfind('/') + 1);
    if (seen.target.find("/blobs/") != std::string::npos) {
      const auto found = blobs.find(name);
      return found == blobs.end() ? Reply{.status = 404} : Reply{.body = found->second};
    }
    if (seen.target.find("/manifests/") == std::string::npos) return {};
    const auto found = documents.find(name);
    if (found == documents.end()) return {.status = 404};
    return {.headers = {{"Content-Type", found->second.first},
                        {"Docker-Content-Digest", digest_of(found->second.second)}},
            .body = found->second.second};
  }
};

class PullTest : public ImageTest {
 protected:
  static registry::Settings quick() {
    registry::Settings settings;
    settings.retry_delay_ms = 10;
    settings.idle_timeout_ms = 1000;
    return settings;
  }

  std::vector<std::string> pull_text(const std::string& name, std::stop_token stop = {}) {
    std::vector<std::string> said;
    PullRequest request{.reference = oci::Reference::parse(name)};
    pull(
        images, registry, request,
        [&](const Progress& line) {
          if (line.status != "Downloading")
            said.push_back(line.id.empty() ? line.status : line.id + ": " + line.status);
        },
        std::move(stop));
    return said;
  }

  registry::Registry registry{quick()};
  Shelf shelf;
  FakeRegistry fake{[this](const Seen& seen) { return shelf.answer(seen); }};
  const std::string packed = gzip(layer_tar);
  const std::string config = config_for({digest_of(layer_tar)});
};

TEST_F(PullTest, ImageComesWithTheLinesOfDocker) {
  const std::string digest = shelf.put_image(config, {packed}, "1");
  const std::string name = fake.domain() + "/a/b:1";
  const std::string id = digest_of(packed).substr(7, 12);
  EXPECT_EQ(pull_text(name),
            (std::vector<std::string>{"1: Pulling from a/b", id + ": Pulling fs layer",
                                      id + ": Download complete", id + ": Extracting",
                                      id + ": Pull complete", "Digest: " + digest,
                                      "Status: Downloaded newer image for " + name}));
  EXPECT_EQ(images.resolve(name).id.text(), digest);
  EXPECT_EQ(images.resolve(name).repo_digests.at(0), fake.domain() + "/a/b@" + digest);
  EXPECT_EQ(events.heard.back(), "pull " + fake.domain() + "/a/b");
  const int gets = fake.count("GET", "/a/b/");
  EXPECT_EQ(pull_text(name), (std::vector<std::string>{"1: Pulling from a/b", "Digest: " + digest,
                                                       "Status: Image is up to date for " + name}));
  EXPECT_EQ(fake.count("GET", "/a/b/"), gets);
}

TEST_F(PullTest, LayerThatIsHereIsNotFetchedAgain) {
  shelf.put_image(config, {packed}, "1");
  shelf.put_image(config_for({digest_of(layer_tar)}, "386"), {packed}, "2");
  pull_text(fake.domain() + "/a/b:1");
  const std::vector<std::string> said = pull_text(fake.domain() + "/a/c:2");
  EXPECT_EQ(said.at(2), digest_of(packed).substr(7, 12) + ": Already exists");
  EXPECT_EQ(fake.count("GET", "/blobs/" + digest_of(packed)), 1);
}

TEST_F(PullTest, ManyLayersComeSideBySide) {
  std::vector<std::string> diff_ids;
  std::vector<std::string> layers_packed;
  for (int i = 0; i < 8; ++i) {
    const std::string one =
        tar({file(fmt::format("f{}", i), std::string(10'000, static_cast<char>('a' + i)))});
    diff_ids.push_back(digest_of(one));
    layers_packed.push_back(gzip(one));
  }
  shelf.put_image(config_for(diff_ids), layers_packed, "1");
  pull_text(fake.domain() + "/a/b:1");
  EXPECT_EQ(images.resolve(fake.domain() + "/a/b:1").diff_ids.size(), 8U);
}

TEST_F(PullTest, TwoPullsOfOneImageFetchItsLayersOnce) {
  shelf.put_image(config, {packed}, "1");
  {
    const std::jthread other([&] { pull_text(fake.domain() + "/a/b:1"); });
    pull_text(fake.domain() + "/a/c:1");
  }
  EXPECT_EQ(fake.count("GET", "/blobs/" + digest_of(packed)), 1);
  EXPECT_EQ(images.list({}).at(0).repo_tags.size(), 2U);
}

TEST_F(PullTest, WhatIsWrongLeavesNothing) {
  const std::string name = fake.domain() + "/a/b:1";
  shelf.put_image(config, {packed}, "1");
  shelf.blobs[digest_of(packed)] = gzip(tar({file("evil")}));
  EXPECT_NE(failure([&] { pull_text(name); }).second, "no error");
  expect_nothing_left();
  shelf.put_image(config_for({digest_of("other")}), {packed}, "1");
  EXPECT_NE(failure([&] { pull_text(name); }).second.find("wrong diff id"), std::string::npos);
  expect_nothing_left();
  shelf.put_image(config_for({digest_of(layer_tar), digest_of(layer_tar)}), {packed}, "1");
  EXPECT_NE(failure([&] { pull_text(name); }).second.find("diff ids"), std::string::npos);
  shelf.put_image(config, {packed.substr(0, packed.size() / 2)}, "1");
  EXPECT_NE(failure([&] { pull_text(name); }).second, "no error");
  shelf.put_image("null", {packed}, "1");
  EXPECT_NE(failure([&] { pull_text(name); }).second, "no error");
  expect_nothing_left();
}

TEST_F(PullTest, DocumentsThatAreNoManifestAreRefused) {
  const std::string name = fake.domain() + "/a/b:1";
  const auto refused = [&](std::string_view type, const std::string& bytes) {
    shelf.put_document(type, bytes, "1");
    return failure([&] { pull_text(name); }).second;
  };
  shelf.put_image(config, {packed}, "good");
  std::string both = shelf.documents["good"].second;
  both.insert(both.size() - 1, ",\"manifests\":[]");
  EXPECT_NE(refused(oci::media::kOciManifest, both), "no error");
  EXPECT_NE(refused(oci::media::kOciIndex, shelf.documents["good"].second), "no error");
  EXPECT_NE(refused("text/html", "<html>log in</html>"), "no error");
  EXPECT_NE(refused("application/vnd.docker.distribution.manifest.v1+prettyjws", "{}"), "no error");
  EXPECT_NE(refused(oci::media::kOciManifest, std::string(200'000, '[')), "no error");
  expect_nothing_left();
}

TEST_F(PullTest, IndexGivesThePlatformAskedFor) {
  const std::string own = shelf.put_image(config, {packed}, "");
  const std::string bytes = shelf.documents[own].second;
  oci::Descriptor entry = describe(oci::media::kOciManifest, bytes);
  entry.platform = oci::Platform{.architecture = "amd64", .os = "linux"};
  const std::string index =
      R"({"schemaVersion":2,"manifests":[)" + base::to_text(oci::to_json(entry)) + "]}";
  const std::string top = shelf.put_document(oci::media::kOciIndex, index, "1");
  pull_text(fake.domain() + "/a/b:1");
  const Image image = images.resolve(fake.domain() + "/a/b:1");
  EXPECT_EQ(image.id.text(), top);
  EXPECT_EQ(image.manifest.text(), own);
  PullRequest other{.reference = oci::Reference::parse(fake.domain() + "/a/b:1"),
                    .platform = oci::parse_platform("s390x")};
  EXPECT_EQ(failure([&] { pull(images, registry, other, [](const Progress&) {}, {}); }).second,
            "no matching manifest for linux/s390x in the manifest list entries");
}

// Threats A43: a digest is that digest, and moves no tag.
TEST_F(PullTest, PullByDigestNamesTheDigestAlone) {
  const std::string digest = shelf.put_image(config, {packed}, "1");
  const std::string name = fake.domain() + "/a/b@" + digest;
  EXPECT_EQ(pull_text(name).front(), name + ": Pulling from a/b");
  EXPECT_EQ(images.resolve(name).repo_tags, (std::vector<std::string>{name}));
  EXPECT_THROW(images.resolve(fake.domain() + "/a/b:1"), base::Error);
  const std::string lie = digest_of("lie");
  shelf.documents[lie] = shelf.documents[digest];
  EXPECT_NE(failure([&] { pull_text(fake.domain() + "/a/b@" + lie); }).second, "no error");
}

// Threats A32, from a registry.
TEST_F(PullTest, NamingAnothersLayerWithABogusBlobIsRefused) {
  const std::string secret = tar({file("secret.txt", "hush")});
  load_text(docker_archive(config_for({digest_of(secret)}), {secret}, R"(["victim:1"])"));
  shelf.put_image(config_for({digest_of(secret)}), {packed}, "1");
  EXPECT_NE(failure([&] { pull_text(fake.domain() + "/a/b:1"); }).second.find("wrong diff id"),
            std::string::npos);
  EXPECT_THROW(images.resolve(fake.domain() + "/a/b:1"), base::Error);
}

TEST_F(PullTest, UnreachableAndMissingAreToldApart) {
  EXPECT_EQ(failure([&] { pull_text("127.0.0.1:1/x:y"); }).first, Kind::Internal);
  const std::string name = fake.domain() + "/a/none:1";
  EXPECT_EQ(failure([&] { pull_text(name); }),
            (std::pair{Kind::NotFound,
                       "failed to resolve reference \"" + name + "\": " + name + ": not found"}));
}

TEST_F(PullTest, CancelledPullLeavesNothing) {
  std::string bytes = packed;
  FakeRegistry stalling([&](const Seen& seen) {
    Reply reply = shelf.answer(seen);
    if (seen.target.ends_with(digest_of(packed))) reply.silent_ms = 20'000;
    return reply;
  });
  shelf.put_image(config, {packed}, "1");
  std::stop_source stop;
  const std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    stop.request_stop();
  });
  EXPECT_EQ(failure([&] { pull_text(stalling.domain() + "/a/b:1", stop.get_token()); }).first,
            Kind::Cancelled);
  expect_nothing_left();
}

TEST_F(PullTest, DebiansRegistryServesWhatSkopeoPutThere) {
  if (!RealRegistry::missing().empty()) GTEST_SKIP() << RealRegistry::missing() << " is missing";
  RealRegistry real;
  const std::string big =
      tar({dir("d"), file("d/zeros", std::string(5 << 20, 'z')), file("d/text", "text")});
  const std::string archive = docker_archive(config_for({digest_of(layer_tar), digest_of(big)}),
                                             {layer_tar, big}, R"(["x:1"])");
  os::replace_file(real.root.path() / "x.tar", archive, 0600);
  int copied = 1;
  for (int attempt = 0; attempt < 20 && copied != 0; ++attempt) {
    copied = real.copy((real.root.path() / "x.tar").string(), "gold/x:1");
    if (copied != 0) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  ASSERT_EQ(copied, 0);
  pull_text(real.domain + "/gold/x:1");
  const Image image = images.resolve(real.domain + "/gold/x:1");
  EXPECT_EQ(image.diff_ids.at(1).text(), digest_of(big));
  EXPECT_EQ(pull_text(real.domain + "/gold/x").size(),
            3U);  // Every tag: there is one, and it is here.
}

}  // namespace
}  // namespace wharf::image
