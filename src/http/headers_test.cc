#include "http/headers.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace wharf::http {
namespace {

TEST(Headers, AreFoundInAnyCaseAndKeepTheirOrder) {
  Headers headers;
  headers.add("X-One", "1");
  headers.add("x-one", "2");
  EXPECT_EQ(headers.get("X-ONE"), "1");
  EXPECT_FALSE(headers.contains("X-Two"));
  headers.set("x-ONE", "3");
  EXPECT_EQ(headers.size(), 1u);
  EXPECT_EQ(headers.get("X-One"), "3");
}

TEST(Headers, FindATokenInAList) {
  Headers headers;
  headers.add("Connection", "keep-alive, Upgrade");
  EXPECT_TRUE(headers.has_token("connection", "upgrade"));
  EXPECT_FALSE(headers.has_token("connection", "up"));
}

TEST(Escapes, ThatAreBrokenAreNothing) {
  EXPECT_EQ(unescape("%C3%BC+x", Escapes::Path), "ü+x");
  EXPECT_EQ(unescape("a+b%20c", Escapes::Query), "a b c");
  EXPECT_EQ(unescape("%zz", Escapes::Path), std::nullopt);
  EXPECT_EQ(unescape("%4", Escapes::Path), std::nullopt);
}

TEST(Query, KeepsRepeatedAndEmptyValues) {
  const Query query = Query::parse("t=a&t=b&all&x=&&y=%2F");
  EXPECT_EQ(query.all("t"), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(query.contains("all"));
  EXPECT_EQ(query.get("all"), "");
  EXPECT_EQ(query.get("y"), "/");
  EXPECT_FALSE(query.contains("z"));
}

TEST(Query, RefusesWhatGoRefuses) {
  EXPECT_THROW(Query::parse("a=%zz"), base::Error);
  EXPECT_THROW(Query::parse("a=1;b=2"), base::Error);
}

}  // namespace
}  // namespace wharf::http
