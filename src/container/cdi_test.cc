#include "container/cdi.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "container/yaml.h"
#include "os/file.h"

namespace wharf::container {
namespace {

using base::Json;

TEST(Yaml, ReadsTheSchemaThatToolsWrite) {
  const Json value = parse_yaml(R"(
text: plain words
quoted: "007"
number: -12
mode: 0660
hex: 0x1f
yes: true
nothing:
none: ~
list:
- a
- {b: 1, c: [x, "2"]}
)");
  EXPECT_EQ(value, base::parse_json(R"({"text":"plain words","quoted":"007","number":-12,
      "mode":432,"hex":31,"yes":true,"nothing":null,"none":null,
      "list":["a",{"b":1,"c":["x","2"]}]})"));
  EXPECT_EQ(parse_yaml(""), Json(nullptr));
}

TEST(Yaml, RefusesAliasesTagsDepthAndTwins) {
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "- ";
  for (const std::string& text :
       {std::string("a: &x 1\nb: *x"), std::string("a: !!str 1"), deep, std::string("a: 1\na: 2"),
        std::string("[1"), std::string("a: 1\n---\nb: 2"), std::string("? [x]\n: 1")}) {
    EXPECT_THROW(parse_yaml(text), base::Error) << text;
  }
}

class Cdi : public ::testing::Test {
 protected:
  void write(const std::string& name, std::string_view text) {
    std::ofstream(directory_.path() / name) << text;
  }
  CdiCatalog catalog() { return read_cdi({directory_.path().string()}); }
  os::TempDirectory directory_;
};

TEST_F(Cdi, ADirectoryThatIsMissingHasNoDevices) {
  EXPECT_TRUE(read_cdi({"/no/such/directory"}).devices.empty());
  EXPECT_TRUE(read_cdi({"/no/such/directory"}).errors.empty());
}

TEST_F(Cdi, OnlyFilesOfItsKindsCount) {
  constexpr std::string_view kText =
      R"({"cdiVersion":"0.6.0","kind":"v.com/c","devices":[
          {"name":"x","containerEdits":{"env":["A=1"]}}]})";
  write("a.json", kText);
  write("b.txt", "nonsense");
  write("c.yml", "nonsense");
  EXPECT_EQ(catalog().devices.size(), 1U);
  EXPECT_TRUE(catalog().errors.empty());
  write("d.yaml", "nonsense: [");
  EXPECT_EQ(catalog().errors.size(), 1U);
}

TEST_F(Cdi, EditsReplaceWhatIsThereUnderTheSameName) {
  write("a.json", R"({"cdiVersion":"0.6.0","kind":"v.com/c","devices":[{"name":"x",
      "containerEdits":{"env":["A=2"],"additionalGids":[0,5,5],
        "mounts":[{"hostPath":"/h","containerPath":"/m/deep"}],
        "deviceNodes":[{"path":"/dev/x","type":"c","major":1,"minor":3}]}}]})");
  base::JsonObject spec = base::parse_json(R"({"process":{"env":["A=1","AB=1"],
      "user":{"uid":9,"gid":8}},"mounts":[{"destination":"/m/deep","source":"/old"},
      {"destination":"/m"}],"linux":{"devices":[{"path":"/dev/x","type":"b"}]}})")
                              .as_object();
  inject_cdi(spec, catalog(), {"v.com/c=x"});
  EXPECT_EQ(Json(spec), base::parse_json(R"({"process":{"env":["AB=1","A=2"],
      "user":{"uid":9,"gid":8,"additionalGids":[5]}},
      "mounts":[{"destination":"/m"},{"destination":"/m/deep","source":"/h","type":"bind",
        "options":["rbind","rprivate"]}],
      "linux":{"devices":[{"path":"/dev/x","type":"c","major":1,"minor":3,"uid":9,"gid":8}],
        "resources":{"devices":[{"allow":true,"type":"c","major":1,"minor":3,
          "access":"rwm"}]}}})"));
}

TEST_F(Cdi, UnknownDevicesAreNamedAndNothingIsChanged) {
  base::JsonObject spec;
  try {
    inject_cdi(spec, catalog(), {"v.com/c=x", "v.com/c=y"});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_STREQ(error.what(),
                 "CDI device injection failed: unresolvable CDI devices v.com/c=x, v.com/c=y");
  }
  EXPECT_TRUE(spec.empty());
}

}  // namespace
}  // namespace wharf::container
