#include "base/filters.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace wharf::base {
namespace {

TEST(Filters, ReadBothForms) {
  for (const char* text : {R"({"label":["a=b","c"]})", R"({"label":{"a=b":true,"c":false}})"}) {
    const Filters filters = Filters::parse(text);
    EXPECT_EQ(filters.get("label"), (std::vector<std::string>{"a=b", "c"})) << text;
  }
  EXPECT_TRUE(Filters::parse("").empty());
  EXPECT_TRUE(Filters::parse("{}").empty());
}

TEST(Filters, RefuseWhatIsNoFilterWithDockersWords) {
  for (const char* text :
       {"{bad", "[]", "\"x\"", "{\"label\":5}", "{\"label\":[5]}", "{\"label\":{\"a\":1}}"}) {
    try {
      Filters::parse(text);
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_STREQ(error.what(), "invalid filter") << text;
      EXPECT_EQ(error.kind(), Kind::InvalidArgument);
    }
  }
}

TEST(Filters, NameTheKeyThatIsNotKnown) {
  try {
    Filters::parse(R"({"nope":["x"]})").require_known({"label"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "invalid filter 'nope'");
  }
  EXPECT_NO_THROW(Filters::parse(R"({"label":["x"]})").require_known({"label"}));
}

TEST(Filters, WantAllLabelsAndAnyOfOtherValues) {
  const Filters filters = Filters::parse(R"({"label":["a=b","c"],"status":["x","y"]})");
  EXPECT_TRUE(filters.labels("label", {{"a", "b"}, {"c", "anything"}}));
  EXPECT_FALSE(filters.labels("label", {{"a", "b"}}));
  EXPECT_FALSE(filters.labels("label", {{"a", "x"}, {"c", ""}}));
  EXPECT_TRUE(filters.exact("status", "y"));
  EXPECT_FALSE(filters.exact("status", "z"));
  EXPECT_TRUE(filters.exact("name", "anything"));
}

TEST(Filters, MatchByPrefixAndByExpression) {
  const Filters filters = Filters::parse(R"({"id":["ab"],"name":["^x.z$","["]})");
  EXPECT_TRUE(filters.prefix("id", "abc"));
  EXPECT_FALSE(filters.prefix("id", "ba"));
  EXPECT_TRUE(filters.matches("name", "xyz"));
  EXPECT_FALSE(filters.matches("name", "axyz"));
}

TEST(Filters, HaveOneBooleanValue) {
  EXPECT_TRUE(Filters::parse(R"({"dangling":["1"]})").boolean("dangling", false));
  EXPECT_FALSE(Filters::parse(R"({"dangling":["false"]})").boolean("dangling", true));
  EXPECT_TRUE(Filters().boolean("dangling", true));
  EXPECT_THROW(Filters::parse(R"({"dangling":["1","0"]})").boolean("dangling", true), Error);
  EXPECT_THROW(Filters::parse(R"({"dangling":["maybe"]})").boolean("dangling", true), Error);
}

TEST(Filters, AreWrittenInTheMapForm) {
  Filters filters;
  filters.add("label", "a=b");
  EXPECT_EQ(filters.text(), R"({"label":{"a=b":true}})");
}

}  // namespace
}  // namespace wharf::base
