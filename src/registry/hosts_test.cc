#include "registry/hosts.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "os/file.h"
#include "registry/fake_registry_test.h"
#include "registry/origin.h"
#include "registry/toml.h"

namespace wharf::registry {
namespace {

std::string complaint(const std::string& text) {
  try {
    parse_hosts(text, "/c");
  } catch (const base::Error& error) {
    return error.what();
  }
  return "";
}

std::string toml_complaint(const std::string& text) {
  try {
    parse_toml(text);
  } catch (const base::Error& error) {
    return error.what();
  }
  return "";
}

TEST(Toml, ReadsWhatHostsAreWrittenIn) {
  const base::Json read = parse_toml(
      "# a comment\r\n"
      "plain = \"a\\tb\" # behind\n"
      "'quoted key' = 'C:\\x'\n"
      "list = [ 1, -2,\n  # in between\n  3, ]\n"
      "inline = { a = true, b = { c = \"d\" } }\n"
      "[table.\"with dots.x\"]\n"
      "dotted.key = false\n");
  EXPECT_EQ(base::to_text(read),
            "{\"plain\":\"a\\tb\",\"quoted key\":\"C:\\\\x\",\"list\":[1,-2,3],"
            "\"inline\":{\"a\":true,\"b\":{\"c\":\"d\"}},"
            "\"table\":{\"with dots.x\":{\"dotted\":{\"key\":false}}}}");
}

TEST(Toml, NamesTheLineOfWhatIsWrong) {
  EXPECT_EQ(toml_complaint("a = 1\na = 2"), "toml: line 2: \"a\" is given twice");
  EXPECT_EQ(toml_complaint("a = \"x"), "toml: line 1: a string without its end");
  for (const std::string text :
       {"a", "a =", "a = x", "a = 1 2", "[a", "[[a]]", "= 1", "a = [1 2]", "a = {b = 1",
        "a = 1\n[a]\nb = 1", "a = \"\\q\"", "a = \"\"\"x\"\"\"", "a = 1979-05-27", "\"",
        "a.b.c = 1\na.b = 2"}) {
    EXPECT_NE(toml_complaint(text), "") << text;
  }
  EXPECT_NE(toml_complaint("a = " + std::string(100'000, '[')), "");
  std::string inlines;
  for (int i = 0; i < 10'000; ++i) inlines += "a = {";
  EXPECT_NE(toml_complaint(inlines), "");
}

TEST(Hosts, KeepTheirOrderAndWhatTheySay) {
  const HostsFile file = parse_hosts(
      "server = \"https://upstream.example\"\n"
      "[host.\"https://first.example/proj/\"]\n"
      "  capabilities = [\"pull\", \"resolve\"]\n"
      "  ca = \"ca.pem\"\n"
      "  client = [[\"/x/c.cert\", \"c.key\"]]\n"
      "  override_path = true\n"
      "  [host.\"https://first.example/proj/\".header]\n"
      "    x-one = [\"a\", \"b\"]\n"
      "[host.\"http://second.example:5000\"]\n"
      "  skip_verify = true\n",
      "/c");
  ASSERT_EQ(file.hosts.size(), 2U);
  EXPECT_EQ(file.server->url.text(), "https://upstream.example");
  const HostEntry& first = file.hosts.front();
  EXPECT_EQ(first.url.text(), "https://first.example/proj");
  EXPECT_TRUE(first.pull && first.resolve && first.override_path);
  EXPECT_FALSE(first.push);
  EXPECT_EQ(first.ca_files, std::vector<std::string>{"/c/ca.pem"});
  EXPECT_EQ(first.certificate_file, "/x/c.cert");
  EXPECT_EQ(first.key_file, "/c/c.key");
  EXPECT_EQ(first.headers.size(), 2U);
  EXPECT_TRUE(file.hosts.back().push && file.hosts.back().skip_verify);
}

TEST(Hosts, RefuseWhatTheyDoNotKnow) {
  EXPECT_NE(complaint("[host.\"https://a\"]\nskip_verfy = true"), "");
  EXPECT_NE(complaint("[host.\"https://a\"]\nskip_verify = \"yes\""), "");
  EXPECT_NE(complaint("[host.\"https://a\"]\ncapabilities = [\"fly\"]"), "");
  EXPECT_NE(complaint("[host.\"https://a\"]\nclient = [\"a\", \"b\", \"c\"]"), "");
  EXPECT_NE(complaint("[host.\"file:///etc\"]\n"), "");
  EXPECT_NE(complaint("host = 1"), "");
  EXPECT_NE(complaint("server = 1"), "");
  EXPECT_EQ(complaint(""), "");
}

class MirrorTest : public ::testing::Test {
 protected:
  void write(const std::string& text, const std::string& domain = "registry.example") {
    std::filesystem::create_directories(root.path() / domain);
    std::ofstream(root.path() / domain / "hosts.toml") << text;
  }
  Settings settings() {
    Settings out;
    out.retry_delay_ms = 10;
    out.certs_directory = root.path();
    return out;
  }
  static std::string host(const FakeRegistry& fake, const std::string& fields = "") {
    return fmt::format("[host.\"http://{}\"]\n{}\n", fake.domain(), fields);
  }
  static Repository open(Registry& from) {
    return from.repository(oci::Reference::parse("registry.example/a/b"), {}, {});
  }
  static Reply document() {
    return {.headers = {{"Content-Type", std::string(oci::media::kOciManifest)}}, .body = "{}"};
  }
  os::TempDirectory root;
};

TEST_F(MirrorTest, TheFirstThatServesIsAskedAndToldTheRegistry) {
  FakeRegistry broken([](const Seen&) { return Reply{.status = 503}; });
  FakeRegistry empty([](const Seen& seen) {
    return seen.target.find("manifests") == std::string::npos ? Reply{} : Reply{.status = 404};
  });
  FakeRegistry good([](const Seen&) { return document(); });
  write(host(broken) + host(empty) + host(good));
  Registry from(settings());
  EXPECT_EQ(open(from).document("latest").bytes, "{}");
  EXPECT_EQ(empty.count("GET", "/manifests/latest?ns=registry.example"), 1);
  EXPECT_EQ(good.count("GET", "/v2/a/b/manifests/latest?ns=registry.example"), 1);
}

TEST_F(MirrorTest, OneThatMayNotResolveIsNotAskedWhatATagIs) {
  FakeRegistry pulls([](const Seen&) { return document(); });
  FakeRegistry resolves([](const Seen&) { return document(); });
  write(host(pulls, "capabilities = [\"pull\"]") + host(resolves));
  Registry from(settings());
  open(from).document("latest");
  open(from).document(base::Sha256::of("{}").text());
  EXPECT_EQ(pulls.count("GET", "/manifests/latest"), 0);
  EXPECT_EQ(pulls.count("GET", "/manifests/sha256"), 1);
  EXPECT_EQ(resolves.count("GET", "/manifests/latest"), 1);
}

TEST_F(MirrorTest, ItsPathMayStandForTheApis) {
  FakeRegistry good([](const Seen&) { return document(); });
  write(fmt::format("[host.\"http://{0}/proxy/v2\"]\noverride_path = true\n"
                    "[host.\"http://{0}/proxy/v2\".header]\nx-token = \"t\"\n",
                    good.domain()),
        "_default");
  Registry from(settings());
  open(from).document("latest");
  EXPECT_EQ(good.count("GET", "/proxy/v2/a/b/manifests/latest"), 1);
  EXPECT_EQ(good.seen().back().header("x-token"), "t");
}

TEST_F(MirrorTest, ABlobGoesOnAtTheNextHostWhereOneBreaks) {
  const std::string blob(300'000, 'b');
  FakeRegistry broken([&](const Seen& seen) {
    if (seen.target.find("blobs") == std::string::npos) return Reply{};
    return Reply{.body = blob, .cut_after = 100'000};
  });
  FakeRegistry good([&](const Seen& seen) {
    if (seen.header("range") != "bytes=100000-") return Reply{};
    return Reply{.status = 206,
                 .headers = {{"Content-Range", "bytes 100000-299999/300000"}},
                 .body = blob.substr(100'000)};
  });
  write(host(broken) + host(good));
  Registry from(settings());
  std::string got;
  open(from).blob({.digest = base::Sha256::of(blob), .size_bytes = 300'000},
                  [&](std::string_view part) { got += part; });
  EXPECT_EQ(got, blob);
}

TEST_F(MirrorTest, AWrongFileIsAnErrorThatNamesIt) {
  write("[host");
  Registry from(settings());
  std::string said;
  try {
    open(from);
  } catch (const base::Error& error) {
    said = error.what();
  }
  EXPECT_NE(said.find("registry.example/hosts.toml: toml: line 1"), std::string::npos) << said;
}

}  // namespace
}  // namespace wharf::registry
