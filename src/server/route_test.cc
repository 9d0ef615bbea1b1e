#include "server/route.h"

#include <gtest/gtest.h>

#include "server/routes.h"

namespace wharf::server {
namespace {

std::string taken(std::string_view pattern, std::string_view path, const char* name) {
  Variables variables;
  return fits(pattern, path, variables) ? variables[name] : "(no)";
}

TEST(Route, TakesNamesWithSlashesWhereThePatternSaysSo) {
  EXPECT_EQ(taken("/images/{name:.*}/json", "/images/a/b:1/json", "name"), "a/b:1");
  EXPECT_EQ(taken("/images/{name:.*}/json", "/images/json", "name"), "(no)");
  EXPECT_EQ(taken("/images/{name:.*}/json", "/images/json/json", "name"), "json");
  EXPECT_EQ(taken("/networks/{id:.*}", "/networks/", "id"), "");
}

TEST(Route, TakesOnePartOfThePathWithoutThePattern) {
  EXPECT_EQ(taken("/services/{id}/logs", "/services/x/logs", "id"), "x");
  EXPECT_EQ(taken("/services/{id}/logs", "/services/x/y/logs", "id"), "(no)");
  EXPECT_EQ(taken("/services/{id}", "/services/", "id"), "(no)");
}

TEST(Route, IsTheWholePath) {
  EXPECT_EQ(taken("/info", "/info", "x"), "");
  EXPECT_EQ(taken("/info", "/info/", "x"), "(no)");
  EXPECT_EQ(taken("/info", "/inf", "x"), "(no)");
}

TEST(Route, TablesHaveNoRowTwiceAndAWorkingPatternEach) {
  std::set<std::pair<std::string, std::string>> seen;
  for (const std::span<const Route> table : all_routes()) {
    for (const Route& route : table) {
      EXPECT_TRUE(seen.emplace(route.method, route.path).second)
          << route.method << " " << route.path;
      EXPECT_EQ(std::ranges::count(route.path, '{'), std::ranges::count(route.path, '}'))
          << route.path;
      EXPECT_NE(route.action, nullptr);
    }
  }
}

}  // namespace
}  // namespace wharf::server
