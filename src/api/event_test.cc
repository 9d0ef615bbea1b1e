#include "api/event.h"

#include <gtest/gtest.h>

namespace wharf::api {
namespace {

const base::Event kDie{"container",
                       "die",
                       "abc123",
                       {{"image", "busybox:1"}, {"name", "x"}, {"exitCode", "2"}},
                       {1'500'000'000}};

TEST(Event, HasTheOldestFieldsForOldClientsOnly) {
  EXPECT_EQ(base::to_text(event_json(kDie, {1, 51})),
            R"({"status":"die","id":"abc123","from":"busybox:1",)"
            R"("Type":"container","Action":"die","Actor":{"ID":"abc123",)"
            R"("Attributes":{"exitCode":"2","image":"busybox:1","name":"x"}},)"
            R"("scope":"local","time":1,"timeNano":1500000000})");
  EXPECT_FALSE(event_json(kDie, {1, 52}).get_object().contains("status"));
}

TEST(Event, PassesFiltersByObjectActionImageAndLabel) {
  const auto passes = [](const char* filters) {
    return event_passes(kDie, base::Filters::parse(filters));
  };
  EXPECT_TRUE(passes(R"({"container":["abc"],"type":["container"],"event":["die"]})"));
  EXPECT_TRUE(passes(R"({"container":["x"]})"));
  EXPECT_TRUE(passes(R"({"image":["busybox"]})"));
  EXPECT_TRUE(passes(R"({"label":["exitCode=2"]})"));
  EXPECT_TRUE(passes(R"({"nope":["x"]})"));
  EXPECT_FALSE(passes(R"({"container":["zzz"]})"));
  EXPECT_FALSE(passes(R"({"network":["x1"]})"));
  EXPECT_FALSE(passes(R"({"type":["image"]})"));
  EXPECT_FALSE(passes(R"({"event":["start"]})"));
  EXPECT_FALSE(passes(R"({"scope":["swarm"]})"));
}

TEST(Event, OfAnExecIsFoundByItsVerbAlone) {
  const base::Event exec{"container", "exec_start: sh -c true", "abc", {}, {}};
  EXPECT_TRUE(event_passes(exec, base::Filters::parse(R"({"event":["exec_start"]})")));
  EXPECT_FALSE(event_passes(exec, base::Filters::parse(R"({"event":["exec_die"]})")));
}

}  // namespace
}  // namespace wharf::api
