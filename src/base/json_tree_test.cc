#include "base/json_tree.h"

#include <gtest/gtest.h>

#include <string>

namespace wharf::base {
namespace {

class Parsed {
 public:
  explicit Parsed(std::string text) : text_(std::move(text)) {
    root = parse_json(arena_, text_, failure);
  }
  const JsonNode* root = nullptr;
  Failure failure;

 private:
  std::string text_;
  Arena arena_{1 << 20};
};

TEST(JsonTree, StringsAreUnescapedWhereTheyStandAndEndWithNul) {
  const Parsed parsed(R"({"a\n": "x\u00e9\ud83d\ude00\"\\\/", "b": ""})");
  ASSERT_NE(parsed.root, nullptr) << parsed.failure.text.c_str();
  const std::string_view value = (*parsed.root)["a\n"].text;
  EXPECT_EQ(value, "x\u00e9\U0001F600\"\\/");
  EXPECT_EQ(value.data()[value.size()], '\0');
  EXPECT_EQ((*parsed.root)["b"].text, "");
}

TEST(JsonTree, AMissingMemberIsAbsentAndTheLastOfTwinsCounts) {
  const Parsed parsed(R"({"a": 1, "a": 2, "n": null})");
  EXPECT_EQ((*parsed.root)["a"].text, "2");
  EXPECT_FALSE((*parsed.root)["b"].present());
  EXPECT_FALSE((*parsed.root)["n"].present());
  EXPECT_FALSE((*parsed.root)["a"]["deeper"].present());
}

TEST(JsonTree, ArraysKeepTheirOrder) {
  const Parsed parsed("[1, -2.5e3, true, [], {}]");
  ASSERT_EQ(parsed.root->count, 5U);
  std::string seen;
  for (const JsonNode& node : *parsed.root) seen += std::string(node.text) + ",";
  EXPECT_EQ(seen, "1,-2.5e3,,,,");
}

TEST(JsonTree, WhatIsNoJsonIsRefused) {
  for (const char* bad :
       {"", " ", "{", "[1,]", "{\"a\":}", "{\"a\" 1}", "{a:1}", "01", "-", "1.", "1e", "tru",
        "\"\\x\"", "\"\\u12\"", "\"\\u0000\"", "\"\n\"", "\"abc", "[1] 2", "\"\\ud800\\u0041\""}) {
    const Parsed parsed(bad);
    EXPECT_EQ(parsed.root, nullptr) << bad;
    EXPECT_TRUE(parsed.failure.failed()) << bad;
  }
}

TEST(JsonTree, DepthHasALimit) {
  EXPECT_NE(Parsed(std::string(60, '[') + std::string(60, ']')).root, nullptr);
  EXPECT_EQ(Parsed(std::string(70, '[') + std::string(70, ']')).root, nullptr);
}

TEST(JsonTree, AnArenaThatIsFullIsAnError) {
  std::string text = "[" + std::string(100'000, ' ');
  for (int i = 0; i < 20'000; ++i) text += "1,";
  text += "1]";
  EXPECT_EQ(Parsed(text).root, nullptr);
}

}  // namespace
}  // namespace wharf::base
