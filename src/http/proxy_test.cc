#include "http/proxy.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace wharf::http {
namespace {

std::string through(const ProxyRules& rules, const std::string& url) {
  const auto proxy = proxy_for(rules, parse_url(url));
  return proxy ? fmt::format("{}:{}", proxy->host, proxy->port) : "";
}

TEST(ProxyRules, TakeTheProxyOfTheScheme) {
  const ProxyRules rules{.http = "http://p:3128", .https = "q:8080"};
  EXPECT_EQ(through(rules, "http://registry.example/v2/"), "p:3128");
  EXPECT_EQ(through(rules, "https://registry.example/v2/"), "q:8080");
  EXPECT_EQ(through({.http = "p"}, "http://registry.example/"), "p:80");
  EXPECT_EQ(through({.http = "p"}, "https://registry.example/"), "");
}

TEST(ProxyRules, AskThisMachineDirectly) {
  const ProxyRules rules{.http = "http://p:3128"};
  for (const std::string host : {"localhost", "127.0.0.1:5000", "127.9.9.9", "[::1]:5000"})
    EXPECT_EQ(through(rules, "http://" + host + "/"), "") << host;
  EXPECT_EQ(through(rules, "http://128.0.0.1/"), "p:3128");
}

TEST(ProxyRules, KnowTheirExceptions) {
  const auto none = [](const std::string& list, const std::string& host) {
    return through({.http = "p", .none = list}, "http://" + host + "/").empty();
  };
  EXPECT_TRUE(none("*", "a.example"));
  EXPECT_TRUE(none("b.example, A.example", "a.example"));
  EXPECT_TRUE(none("a.example", "x.a.example"));
  EXPECT_FALSE(none("a.example", "xa.example"));
  EXPECT_TRUE(none(".a.example", "x.a.example"));
  EXPECT_FALSE(none(".a.example", "a.example"));
  EXPECT_TRUE(none("*.a.example", "x.a.example"));
  EXPECT_TRUE(none("10.0.0.0/8", "10.1.2.3:5000"));
  EXPECT_FALSE(none("10.0.0.0/8", "11.1.2.3"));
  EXPECT_TRUE(none("192.0.2.1", "192.0.2.1"));
  EXPECT_TRUE(none("a.example:5000", "a.example:5000"));
  EXPECT_FALSE(none("a.example:5000", "a.example:5001"));
  EXPECT_TRUE(none("2001:db8::/32", "[2001:db8::1]"));
  EXPECT_FALSE(none("", "a.example"));
}

TEST(ProxyRules, SendTheUserOfTheProxysUrl) {
  const auto proxy = proxy_for({.http = "http://u:p%40@h:1"}, parse_url("http://a.example/"));
  EXPECT_EQ(proxy->authorization, "Basic dTpwQA==");
}

TEST(ProxyRules, RefuseKindsThatAreNotBuilt) {
  for (const std::string wrong : {"socks5://h:1", "https://h:1"})
    EXPECT_THROW(proxy_for({.http = wrong}, parse_url("http://a.example/")), base::Error);
}

}  // namespace
}  // namespace wharf::http
