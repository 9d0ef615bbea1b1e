#include "registry/registry.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "registry/challenge.h"
#include "registry/fake_registry_test.h"
#include "registry/origin.h"
#include "registry/retry.h"

namespace wharf::registry {
namespace {

using base::Kind;

std::string manifest_bytes(const std::string& layer) {
  return fmt::format(R"({{"schemaVersion":2,"mediaType":"{}",)"
                     R"("config":{{"mediaType":"{}","digest":"{}","size":2}},)"
                     R"("layers":[{{"mediaType":"{}","digest":"{}","size":{}}}]}})",
                     oci::media::kOciManifest, oci::media::kOciConfig,
                     base::Sha256::of("{}").text(), oci::media::kOciLayer,
                     base::Sha256::of(layer).text(), layer.size());
}

Reply manifest_reply(const std::string& bytes) {
  return {.headers = {{"Content-Type", std::string(oci::media::kOciManifest)},
                      {"Docker-Content-Digest", base::Sha256::of(bytes).text()}},
          .body = bytes};
}

oci::Descriptor describe(const std::string& bytes) {
  return {.digest = base::Sha256::of(bytes), .size_bytes = static_cast<std::int64_t>(bytes.size())};
}

Settings quick() {
  Settings settings;
  settings.retry_delay_ms = 10;
  settings.idle_timeout_ms = 500;
  return settings;
}

class RegistryTest : public ::testing::Test {
 protected:
  Repository open(const FakeRegistry& fake, Credentials credentials = {}) {
    return registry.repository(oci::Reference::parse(fake.domain() + "/a/b"),
                               std::move(credentials), stop.get_token());
  }

  template <class F>
  std::pair<Kind, std::string> failure(F f) {
    try {
      f();
    } catch (const base::Error& error) {
      return {error.kind(), error.what()};
    }
    return {Kind::NotModified, "no error"};
  }

  static std::string fetch(const Repository& repository, const oci::Descriptor& descriptor) {
    std::string got;
    repository.blob(descriptor, [&](std::string_view part) { got += part; });
    return got;
  }

  std::stop_source stop;
  Registry registry{quick()};
  const std::string blob = std::string(300'000, 'x') + "end";
};

bool is_blob(const Seen& seen) {
  return seen.target.find("/blobs/") != std::string::npos;
}
bool is_manifest(const Seen& seen) {
  return seen.target.find("/manifests/") != std::string::npos;
}

TEST_F(RegistryTest, ManifestsAndBlobsComeVerified) {
  const std::string bytes = manifest_bytes(blob);
  FakeRegistry fake([&](const Seen& seen) {
    if (is_manifest(seen)) return manifest_reply(bytes);
    return is_blob(seen) ? Reply{.body = blob} : Reply{};
  });
  const Repository repository = open(fake);
  EXPECT_EQ(repository.document("latest").digest, base::Sha256::of(bytes));
  EXPECT_EQ(repository.head("latest")->digest, base::Sha256::of(bytes));
  EXPECT_EQ(fetch(repository, describe(blob)), blob);
}

TEST_F(RegistryTest, WrongBytesAreNeverTaken) {
  const std::string bytes = manifest_bytes(blob);
  FakeRegistry fake([&](const Seen& seen) {
    if (!is_manifest(seen))
      return is_blob(seen) ? Reply{.body = std::string(blob.size(), 'y')} : Reply{};
    Reply reply = manifest_reply(bytes);
    if (seen.target.ends_with("/lies"))
      reply.headers["Docker-Content-Digest"] = base::Sha256::of("other").text();
    if (seen.target.ends_with("/climbs")) reply.headers["Docker-Content-Digest"] = "sha256:../../x";
    return reply;
  });
  const Repository repository = open(fake);
  EXPECT_EQ(failure([&] { fetch(repository, describe(blob)); }).first, Kind::InvalidArgument);
  EXPECT_EQ(failure([&] { repository.document(base::Sha256::of("pinned").text()); }).first,
            Kind::InvalidArgument);
  EXPECT_EQ(failure([&] { repository.document("lies"); }).first, Kind::InvalidArgument);
  EXPECT_EQ(failure([&] { repository.document("climbs"); }).first, Kind::InvalidArgument);
}

TEST_F(RegistryTest, BlobThatBreaksHalfWayIsResumedAtTheRightByte) {
  int broken = 0;
  FakeRegistry fake([&](const Seen& seen) {
    if (!is_blob(seen)) return Reply{};
    std::size_t from = 0;
    const std::string range = seen.header("range");
    if (!range.empty()) from = std::stoul(range.substr(6));
    Reply reply{.status = range.empty() ? 200 : 206, .body = blob.substr(from)};
    if (from > 0)
      reply.headers["Content-Range"] =
          fmt::format("bytes {}-{}/{}", from, blob.size() - 1, blob.size());
    if (broken++ < 3) reply.cut_after = 70'000;
    return reply;
  });
  EXPECT_EQ(fetch(open(fake), describe(blob)), blob);
  EXPECT_EQ(fake.count("GET", "/blobs/"), 4);
}

TEST_F(RegistryTest, ServerThatIgnoresRangesIsReadFromItsStart) {
  int broken = 0;
  FakeRegistry fake([&](const Seen& seen) {
    if (!is_blob(seen)) return Reply{};
    return Reply{.body = blob, .cut_after = broken++ < 2 ? std::size_t{100'000} : SIZE_MAX};
  });
  EXPECT_EQ(fetch(open(fake), describe(blob)), blob);
}

TEST_F(RegistryTest, BlobOfAnotherLengthIsRefused) {
  FakeRegistry fake(
      [&](const Seen& seen) { return is_blob(seen) ? Reply{.body = blob + "more"} : Reply{}; });
  EXPECT_NE(failure([&] { fetch(open(fake), describe(blob)); }).second.find("longer"),
            std::string::npos);
}

TEST_F(RegistryTest, SilentServerIsGivenUpAfterTheIdleTimeout) {
  FakeRegistry fake([&](const Seen& seen) {
    return Reply{.body = blob, .silent_ms = is_blob(seen) ? 30'000 : 0};
  });
  const std::int64_t before = base::monotonic_ns();
  EXPECT_EQ(failure([&] { fetch(open(fake), describe(blob)); }).first, Kind::Unavailable);
  EXPECT_LT(base::monotonic_ns() - before, 10'000'000'000);
}

TEST_F(RegistryTest, CancelIsImmediate) {
  FakeRegistry fake([&](const Seen& seen) {
    return Reply{.body = blob, .silent_ms = is_blob(seen) ? 30'000 : 0};
  });
  const std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    stop.request_stop();
  });
  const std::int64_t before = base::monotonic_ns();
  EXPECT_EQ(failure([&] { fetch(open(fake), describe(blob)); }).first, Kind::Cancelled);
  EXPECT_LT(base::monotonic_ns() - before, 1'000'000'000);
}

TEST_F(RegistryTest, ServerErrorsAreRetriedAndTheLastOneIsTold) {
  std::atomic<int> failures = 4;
  const std::string bytes = manifest_bytes(blob);
  FakeRegistry fake([&](const Seen& seen) {
    if (!is_manifest(seen)) return Reply{};
    return failures-- > 0 ? Reply{.status = 503, .body = "over\nloaded"} : manifest_reply(bytes);
  });
  EXPECT_EQ(open(fake).document("latest").bytes, bytes);
  failures = 5;
  const auto [kind, text] = failure([&] { open(fake).document("latest"); });
  EXPECT_NE(text.find("/v2/a/b/manifests/latest: 503 Whatever: over loaded"), std::string::npos)
      << text;
}

TEST_F(RegistryTest, RetryAfterIsObeyed) {
  std::atomic<int> failures = 1;
  FakeRegistry fake([&](const Seen& seen) {
    if (!is_manifest(seen)) return Reply{};
    if (failures-- > 0) return Reply{.status = 429, .headers = {{"Retry-After", "1"}}};
    return manifest_reply(manifest_bytes(blob));
  });
  const std::int64_t before = base::monotonic_ns();
  open(fake).document("latest");
  EXPECT_GE(base::monotonic_ns() - before, 1'000'000'000);
  EXPECT_EQ(retry_after("120", base::now()).count(), kRetryAfterCapMs);
  EXPECT_EQ(retry_after("Thu, 01 Jan 1970 00:00:10 GMT", {5'000'000'000}).count(), 5000);
  EXPECT_EQ(retry_after("soon", base::now()).count(), 0);
}

TEST_F(RegistryTest, RedirectsAreFollowedButNotForEverNorAnywhere) {
  const std::string bytes = manifest_bytes(blob);
  std::string location;
  FakeRegistry fake([&](const Seen& seen) {
    if (seen.target == "/elsewhere") return Reply{.body = blob};
    return is_blob(seen) ? Reply{.status = 307, .headers = {{"Location", location}}} : Reply{};
  });
  location = "/elsewhere";
  EXPECT_EQ(fetch(open(fake), describe(blob)), blob);
  location = "/v2/a/b/blobs/" + describe(blob).digest.text();
  EXPECT_NE(failure([&] { fetch(open(fake), describe(blob)); }).second.find("10 redirects"),
            std::string::npos);
  for (const char* bad : {"file:///etc/shadow", "unix:///run/docker.sock", "ftp://x/",
                          "http://169.254.169.254/latest"}) {
    location = bad;
    const std::int64_t before = base::monotonic_ns();
    EXPECT_NE(failure([&] { fetch(open(fake), describe(blob)); }).second, "no error") << bad;
    EXPECT_LT(base::monotonic_ns() - before, 2'000'000'000) << bad;
  }
}

TEST_F(RegistryTest, BearerTokenIsFetchedWithTheScopeAskedFor) {
  const std::string bytes = manifest_bytes(blob);
  std::string realm;
  FakeRegistry fake([&](const Seen& seen) {
    if (seen.target.starts_with("/token")) {
      const bool known =
          seen.header("authorization") == "Basic " + base::base64_encode("me:secret");
      return known ? Reply{.body = R"({"token":"T1"})"} : Reply{.status = 401};
    }
    if (seen.header("authorization") == "Bearer T1")
      return is_manifest(seen) ? manifest_reply(bytes) : Reply{};
    return Reply{
        .status = 401,
        .headers = {
            {"WWW-Authenticate",
             fmt::format(R"(Bearer realm="{}",service="s",scope="repository:a/b:pull")", realm)}}};
  });
  realm = "http://" + fake.domain() + "/token";
  EXPECT_EQ(open(fake, {.username = "me", .password = "secret"}).document("latest").bytes, bytes);
  EXPECT_EQ(fake.count("GET", "/token?service=s&scope=repository%3Aa%2Fb%3Apull"), 1);
  EXPECT_EQ(failure([&] {
              open(fake, {.username = "me", .password = "wrong"}).document("latest");
            }).first,
            Kind::Unauthorized);
}

TEST_F(RegistryTest, BasicCredentialsAreOnlyForTheirOwnServer) {
  FakeRegistry fake([&](const Seen& seen) {
    if (!seen.header("authorization").empty()) return manifest_reply(manifest_bytes(blob));
    return Reply{.status = 401, .headers = {{"WWW-Authenticate", "Basic realm=\"x\""}}};
  });
  const Credentials own{.username = "me", .password = "p", .server_address = fake.domain()};
  EXPECT_NO_THROW(open(fake, own).document("latest"));
  EXPECT_EQ(registry.login(own, {}), "");
  const Credentials other{.username = "me", .password = "p", .server_address = "registry.example"};
  EXPECT_EQ(failure([&] { open(fake, other).document("latest"); }).second,
            "no basic auth credentials");
}

TEST_F(RegistryTest, MissingImageIsNotFound) {
  FakeRegistry fake(
      [](const Seen& seen) { return Reply{.status = is_manifest(seen) ? 404 : 200}; });
  const auto [kind, text] = failure([&] { open(fake).document("x"); });
  EXPECT_EQ(kind, Kind::NotFound);
  const std::string name = fake.domain() + "/a/b:x";
  EXPECT_EQ(text, "failed to resolve reference \"" + name + "\": " + name + ": not found");
}

TEST_F(RegistryTest, HugeManifestIsRefused) {
  FakeRegistry fake([](const Seen& seen) {
    return is_manifest(seen) ? Reply{.body = std::string(oci::kManifestLimit + 1, ' ')} : Reply{};
  });
  EXPECT_EQ(failure([&] { open(fake).document("latest"); }).first, Kind::TooLarge);
}

TEST_F(RegistryTest, TagsAreListedOverPages) {
  FakeRegistry fake([](const Seen& seen) {
    if (seen.target.ends_with("n=2")) return Reply{.body = R"({"tags":["c","bad tag"]})"};
    if (!seen.target.ends_with("/tags/list")) return Reply{};
    return Reply{.headers = {{"Link", "</v2/a/b/tags/list?last=b&n=2>; rel=\"next\""}},
                 .body = R"({"tags":["a","b"]})"};
  });
  EXPECT_EQ(open(fake).tags(), (std::vector<std::string>{"a", "b", "c"}));
}

TEST(Challenge, ReadsSeveralAndStopsAtWhatIsMalformed) {
  const auto both = parse_challenges(
      R"(Basic realm="a, \"b\"", Bearer realm="https://x/t",service=s , scope="a:b:pull,push")");
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(both[0].get("realm"), "a, \"b\"");
  EXPECT_EQ(both[1].scheme, "bearer");
  EXPECT_EQ(both[1].get("scope"), "a:b:pull,push");
  EXPECT_EQ(both[1].get("service"), "s");
  EXPECT_EQ(parse_challenges("Bearer realm=\"open").size(), 0U);
  EXPECT_EQ(parse_challenges("").size(), 0U);
}

TEST(Origin, LoopbackAndListedRegistriesAreInsecure) {
  Settings settings;
  settings.insecure_registries = {"10.0.0.0/8", "reg.example:5000"};
  EXPECT_TRUE(is_insecure(settings, "127.1.2.3:5000"));
  EXPECT_TRUE(is_insecure(settings, "localhost:5000"));
  EXPECT_TRUE(is_insecure(settings, "[::1]:5000"));
  EXPECT_TRUE(is_insecure(settings, "10.1.2.3"));
  EXPECT_TRUE(is_insecure(settings, "reg.example:5000"));
  EXPECT_FALSE(is_insecure(settings, "reg.example:5001"));
  EXPECT_FALSE(is_insecure(settings, "11.1.2.3"));
  EXPECT_EQ(origins(settings, "quay.io").size(), 1U);
  EXPECT_EQ(origins(settings, "docker.io").at(0).url.text(), "https://registry-1.docker.io");
  EXPECT_EQ(origins(settings, "127.0.0.1:5000").at(1).url.scheme, "http");
}

TEST(Origin, PlacesOfAddresses) {
  EXPECT_EQ(place_of("169.254.169.254"), Place::LinkLocal);
  EXPECT_EQ(place_of("fe80::1"), Place::LinkLocal);
  EXPECT_EQ(place_of("::ffff:127.0.0.1"), Place::Loopback);
  EXPECT_EQ(place_of("0.0.0.0"), Place::Loopback);
  EXPECT_EQ(place_of("::"), Place::Loopback);
  EXPECT_EQ(place_of("1.2.3.4"), Place::Public);
}

TEST(Credentials, WhatCannotBeDecodedCountsAsAbsent) {
  EXPECT_TRUE(Credentials::from_header("!!notbase64").empty());
  EXPECT_TRUE(Credentials::from_header("e30=").empty());
  EXPECT_EQ(
      Credentials::from_header(base::base64_encode(R"({"username":"u","password":"p"})")).username,
      "u");
  EXPECT_EQ(Credentials::from_header(base::base64_encode(R"({"auth":"dTpw"})")).password, "p");
}

TEST_F(RegistryTest, AnUploadThatBreaksGoesOnWhereTheRegistryHasGotTo) {
  std::mutex mutex;
  int patches = 0;
  std::string second_length;
  FakeRegistry fake([&](const Seen& seen) {
    const std::lock_guard lock(mutex);
    if (seen.method == "POST") return Reply{.status = 202, .headers = {{"Location", "/up/1"}}};
    if (seen.method == "GET" && seen.target == "/up/1")
      return Reply{.status = 204, .headers = {{"Range", "0-99999"}, {"Location", "/up/2"}}};
    if (seen.method == "PATCH" && ++patches == 1) return Reply{.status = 503};
    if (seen.method == "PATCH") {
      second_length = seen.target + " " + seen.header("content-length");
      return Reply{.status = 202, .headers = {{"Location", "/up/3"}}};
    }
    if (seen.method == "PUT") return Reply{.status = 201};
    return Reply{};
  });
  const Repository repository = open(fake);
  const auto source = [&]() -> BodyBytes {
    return [this, at = std::size_t{0}](std::span<char> into) mutable {
      const std::size_t n = blob.copy(into.data(), into.size(), at);
      at += n;
      return n;
    };
  };
  repository.upload(describe(blob), source);
  EXPECT_EQ(second_length, fmt::format("/up/2 {}", blob.size() - 100'000));
  EXPECT_EQ(fake.count("PUT", "/up/3?digest=" + base::Sha256::of(blob).text()), 1);
  // The digest is known at the end alone.
  patches = 1;
  EXPECT_EQ(repository.upload_new(source).digest, base::Sha256::of(blob));
  // What is read is not what was promised: nothing is named.
  oci::Descriptor other = describe(blob);
  other.digest = base::Sha256::of("other");
  EXPECT_EQ(failure([&] { repository.upload(other, source); }).first, Kind::InvalidArgument);
  EXPECT_EQ(fake.count("PUT", "digest=" + other.digest.text()), 0);
}

}  // namespace
}  // namespace wharf::registry
