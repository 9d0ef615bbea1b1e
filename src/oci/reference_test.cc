#include "oci/reference.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace wharf::oci {
namespace {

std::string refused(std::string_view text) {
  try {
    Reference::parse(text);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::Kind::InvalidArgument);
    return error.what();
  }
  return "accepted";
}

const std::string kDigest = "sha256:" + std::string(64, 'a');

TEST(Reference, ShortNamesAreOnDockerIoUnderLibrary) {
  EXPECT_EQ(Reference::parse("busybox").text(), "docker.io/library/busybox");
  EXPECT_EQ(Reference::parse("library/busybox").text(), "docker.io/library/busybox");
  EXPECT_EQ(Reference::parse("docker.io/busybox:1").text(), "docker.io/library/busybox:1");
  EXPECT_EQ(Reference::parse("index.docker.io/library/busybox").text(),
            "docker.io/library/busybox");
  EXPECT_EQ(Reference::parse("a/b").text(), "docker.io/a/b");
  EXPECT_EQ(Reference::parse("localhost/b").text(), "localhost/b");
  EXPECT_EQ(Reference::parse("127.0.0.1:5000/a/b:t@" + kDigest).text(),
            "127.0.0.1:5000/a/b:t@" + kDigest);
  EXPECT_EQ(Reference::parse("[::1]:5000/a").domain(), "[::1]:5000");
}

TEST(Reference, FamiliarFormIsWhatUsersTyped) {
  EXPECT_EQ(Reference::parse("docker.io/library/busybox:1").familiar(), "busybox:1");
  EXPECT_EQ(Reference::parse("docker.io/a/b").familiar(), "a/b");
  EXPECT_EQ(Reference::parse("docker.io/library/a/b").familiar(), "library/a/b");
  EXPECT_EQ(Reference::parse("q.io/a:1").familiar(), "q.io/a:1");
  EXPECT_EQ(Reference::parse("busybox").with_default_tag().familiar(), "busybox:latest");
  EXPECT_EQ(Reference::parse("busybox@" + kDigest).with_default_tag().familiar(),
            "busybox@" + kDigest);
}

TEST(Reference, MalformedOnesGetDockersWords) {
  EXPECT_EQ(refused("UPPER"),
            "invalid reference format: repository name (library/UPPER) must be lowercase");
  for (const char* bad : {"",
                          "a:b:c",
                          "a b",
                          "a/",
                          "/a",
                          "a//b",
                          "a..b",
                          "a___b",
                          "-a",
                          "a-",
                          "a:",
                          "a:-x",
                          "a@",
                          "a:b@x",
                          "a.b:x/y",
                          "ex_ample.com/a",
                          "a\n",
                          "a:\n",
                          "[::1/a",
                          "a:"
                          "+x"}) {
    EXPECT_EQ(refused(bad), "invalid reference format") << bad;
  }
  EXPECT_EQ(refused(std::string(64, 'a')), "invalid repository name (" + std::string(64, 'a') +
                                               "), cannot specify 64-byte hexadecimal strings");
  EXPECT_EQ(refused("a@sha512:" + std::string(128, 'a')), "unsupported digest algorithm");
  EXPECT_EQ(refused("a@sha256:" + std::string(63, 'a')), "invalid checksum digest length");
  EXPECT_EQ(refused("a@sha256:" + std::string(64, 'A')), "invalid checksum digest format");
  EXPECT_EQ(refused("a:" + std::string(129, 'x')), "invalid reference format");
  EXPECT_EQ(refused("x/" + std::string(256, 'a')),
            "repository name must not be more than 255 characters");
}

TEST(Reference, SeparatorsInPathsFollowTheGrammar) {
  for (const char* good : {"a.b", "a_b", "a__b", "a-b", "a---b", "0", "a.b_c__d-e"})
    EXPECT_NO_THROW(Reference::parse(good));
  for (const char* bad : {"a._b", "a.-b", "a_.b"}) EXPECT_NE(refused(bad), "accepted") << bad;
}

TEST(Reference, TagsAreChecked) {
  EXPECT_EQ(Reference::parse("a").with_tag("v1.0-x_y").tag(), "v1.0-x_y");
  EXPECT_THROW(Reference::parse("a").with_tag("bad tag"), base::Error);
}

TEST(AnyReference, HexDigitsAreAnId) {
  EXPECT_EQ(parse_any_reference(std::string(64, 'a')).digest.text(), kDigest);
  EXPECT_EQ(parse_any_reference(kDigest).shown(), kDigest);
  EXPECT_EQ(parse_any_reference("ab").shown(), "ab:latest");
  EXPECT_EQ(id_prefix("sha256:abcd12"), "abcd12");
  EXPECT_EQ(id_prefix("abc"), "");
  EXPECT_EQ(id_prefix("abcx"), "");
}

}  // namespace
}  // namespace wharf::oci
