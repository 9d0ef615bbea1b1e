#include "http/url.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace wharf::http {
namespace {

TEST(Url, SplitsIntoItsParts) {
  const Url url = parse_url("HTTPS://us%40er:p@reg.example:5000/v2/a/b?n=1&x=%20#frag");
  EXPECT_EQ(url.scheme, "https");
  EXPECT_EQ(url.userinfo, "us@er:p");
  EXPECT_EQ(url.host, "reg.example");
  EXPECT_EQ(url.port, 5000);
  EXPECT_EQ(url.target(), "/v2/a/b?n=1&x=%20");
}

TEST(Url, AnIpv6HostKeepsItsBracketsInTheAuthority) {
  const Url url = parse_url("http://[::1]:8080/");
  EXPECT_EQ(url.host, "::1");
  EXPECT_EQ(url.authority(), "[::1]:8080");
  EXPECT_EQ(parse_url("http://[::1]").target(), "/");
}

TEST(Url, TheDefaultPortIsNotWritten) {
  EXPECT_EQ(parse_url("https://a:443/").authority(), "a");
  EXPECT_EQ(parse_url("https://a").port_or_default(), 443);
  EXPECT_EQ(parse_url("http://a").port_or_default(), 80);
}

TEST(Url, ShowsNoPassword) {
  EXPECT_EQ(parse_url("http://me:secret@h/x?q").text(), "http://me:***@h/x?q");
  EXPECT_EQ(parse_url("http://me@h/").text(), "http://me@h/");
}

TEST(Url, BadTextsAreRefused) {
  for (const char* text : {"", "abc", "://x", "http://", "http://a:99999/", "http://a:b/",
                           "http://[::1/", "http://a\n/", "http://a%zz@h/", "http://[::1]x/"}) {
    EXPECT_THROW(parse_url(text), base::Error) << text;
  }
}

TEST(Url, ARedirectIsReadInTheContextOfItsRequest) {
  const Url base = parse_url("https://h:1/a/b?q=1");
  EXPECT_EQ(resolve_url(base, "/c?d=e").text(), "https://h:1/c?d=e");
  EXPECT_EQ(resolve_url(base, "c").text(), "https://h:1/a/c");
  EXPECT_EQ(resolve_url(base, "../c").text(), "https://h:1/c");
  EXPECT_EQ(resolve_url(base, "http://other/x").text(), "http://other/x");
  EXPECT_EQ(resolve_url(base, "//other/x").text(), "https://other/x");
  EXPECT_EQ(resolve_url(base, "?z=2").text(), "https://h:1/a/b?z=2");
  EXPECT_EQ(resolve_url(base, "/a?u=http://x/").text(), "https://h:1/a?u=http://x/");
}

TEST(Url, EncodesQueriesAsGoDoes) {
  EXPECT_EQ(encode_query({{"a b", "c&d"}, {"e", "/é"}}), "a+b=c%26d&e=%2F%C3%A9");
  EXPECT_EQ(percent_encode("a/b c", "/"), "a/b%20c");
  EXPECT_EQ(percent_decode("a%2Fb%20c"), "a/b c");
  EXPECT_THROW(percent_decode("%2"), base::Error);
}

TEST(HostPort, AcceptsAllForms) {
  EXPECT_EQ(parse_host_port("h:1"), (HostPort{"h", 1}));
  EXPECT_EQ(parse_host_port("h"), (HostPort{"h", 0}));
  EXPECT_EQ(parse_host_port("[::1]:2"), (HostPort{"::1", 2}));
  EXPECT_EQ(parse_host_port("::1"), (HostPort{"::1", 0}));
}

}  // namespace
}  // namespace wharf::http
