#include "api/container.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace wharf::api {
namespace {

CreateRequest read(std::string_view text) {
  CreateRequest request;
  from_json(base::parse_json(text), request);
  return request;
}

TEST(CreateRequest, ReadsConfigAtTheTopAndHostConfigBelow) {
  const CreateRequest request = read(R"({"Image":"busybox","Cmd":["a","b"],"HostConfig":
    {"Memory":67108864,"Binds":["/a:/b"],"PortBindings":{"80/tcp":[{"HostPort":"8080"}],
     "81/tcp":null}}})");
  EXPECT_EQ(request.image, "busybox");
  EXPECT_EQ(request.cmd, (std::vector<std::string>{"a", "b"}));
  ASSERT_TRUE(request.host_config);
  EXPECT_EQ(request.host_config->memory, 67108864);
  EXPECT_EQ(request.host_config->port_bindings->at("80/tcp")->front().host_port, "8080");
  EXPECT_FALSE(request.host_config->port_bindings->at("81/tcp").has_value());
}

TEST(CreateRequest, TakesACommandThatIsOneString) {
  EXPECT_EQ(read(R"({"cmd":"sh"})").cmd, (std::vector<std::string>{"sh"}));
}

TEST(CreateRequest, RefusesANumberWhereAStringBelongs) {
  EXPECT_THROW(read(R"({"Image":1})"), base::Error);
}

TEST(ContainerConfig, WritesGoShapes) {
  const base::Json json = to_json(ContainerConfig{});
  EXPECT_TRUE(json.at("Cmd").is_null());
  EXPECT_TRUE(json.at("Volumes").is_null());
  EXPECT_FALSE(json.get_object().contains("ExposedPorts"));
  EXPECT_FALSE(json.get_object().contains("StopTimeout"));
}

TEST(HostConfig, SurvivesTheWayThroughJson) {
  HostConfig config;
  config.memory = 5;
  config.tmpfs = std::map<std::string, std::string>{{"/t", "size=1"}};
  Mount mount;
  mount.type = "bind";
  mount.source = "/a";
  config.mounts = {mount};
  config.init = false;
  HostConfig back;
  from_json(to_json(config), back);
  EXPECT_EQ(config, back);
}

}  // namespace
}  // namespace wharf::api
