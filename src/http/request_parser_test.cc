#include "http/request_parser.h"

#include <gtest/gtest.h>

namespace wharf::http {
namespace {

RequestHead parse(std::string text) {
  RequestParser parser;
  EXPECT_TRUE(parser.put_head(text)) << text;
  return parser.head();
}

int refusal(const std::string& text) {
  try {
    std::string input = text;
    RequestParser parser;
    parser.put_head(input);
    static_cast<void>(parser.head());
  } catch (const BadRequest& bad) {
    return bad.status();
  }
  return 0;
}

TEST(RequestParser, ReadsAHeadThatComesByteByByte) {
  const std::string text = "GET /v1.51/info?x=1 HTTP/1.1\r\nHost: d\r\nX-A: b\r\n\r\n";
  RequestParser parser;
  std::string input;
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    input += text[i];
    ASSERT_FALSE(parser.put_head(input));
  }
  input += text.back();
  ASSERT_TRUE(parser.put_head(input));
  const RequestHead head = parser.head();
  EXPECT_EQ(head.method, "GET");
  EXPECT_EQ(head.target, "/v1.51/info?x=1");
  EXPECT_EQ(head.headers.get("x-a"), "b");
  EXPECT_TRUE(head.keep_alive);
  EXPECT_FALSE(head.has_body);
}

TEST(RequestParser, KeepsBytesOfOtherLanguagesInThePath) {
  EXPECT_EQ(parse("GET /containers/ünïcode/json HTTP/1.1\r\nHost: d\r\n\r\n").target,
            "/containers/ünïcode/json");
}

TEST(RequestParser, KnowsTheLengthOfTheBody) {
  EXPECT_EQ(parse("POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 5\r\n\r\n").content_length, 5);
  EXPECT_FALSE(parse("POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n").has_body);
  const RequestHead chunked =
      parse("POST / HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(chunked.content_length, -1);
  EXPECT_TRUE(chunked.has_body);
}

TEST(RequestParser, RefusesWhatCouldBeReadInTwoWays) {
  const std::string start = "POST / HTTP/1.1\r\nHost: d\r\n";
  EXPECT_EQ(refusal(start + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
  EXPECT_EQ(refusal(start + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"), 400);
  EXPECT_EQ(refusal(start + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"), 400);
  EXPECT_EQ(refusal(start + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"), 400);
  EXPECT_EQ(refusal(start + "Content-Length: -5\r\n\r\n"), 400);
  EXPECT_EQ(refusal(start + "Content-Length: 5, 5\r\n\r\n"), 400);
  EXPECT_EQ(refusal(start + "Content-Length: 99999999999999999999\r\n\r\n"), 400);
  EXPECT_EQ(refusal(start + "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501);
  EXPECT_EQ(refusal("POST / HTTP/1.0\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
}

TEST(RequestParser, RefusesOtherLanguages) {
  EXPECT_EQ(refusal("GET / HTTP/2.0\r\nHost: d\r\n\r\n"), 505);
  EXPECT_EQ(refusal("\x16\x03\x01\x02 hello \r\n\r\n"), 400);
  EXPECT_EQ(refusal("GET /\x01 HTTP/1.1\r\nHost: d\r\n\r\n"), 400);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost : d\r\n\r\n"), 400);
  EXPECT_NE(refusal("GET / HTTP/1.1\nHost: d\n\n"), 0);
}

TEST(RequestParser, RefusesAHeadOfMoreThan64KiBWithoutKeepingIt) {
  RequestParser parser;
  std::string input = "GET / HTTP/1.1\r\nHost: d\r\nX: ";
  bool refused = false;
  for (int i = 0; i < 100 && !refused; ++i) {
    input.append(1 << 10, 'x');
    try {
      parser.put_head(input);
    } catch (const BadRequest& bad) {
      EXPECT_EQ(bad.status(), 431);
      refused = true;
    }
  }
  EXPECT_TRUE(refused);
  EXPECT_LT(input.size(), 80u << 10);
}

}  // namespace
}  // namespace wharf::http
