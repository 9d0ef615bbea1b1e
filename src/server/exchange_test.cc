#include "server/exchange.h"

#include <gtest/gtest.h>

namespace wharf::server {
namespace {

class TextBody final : public http::Body {
 public:
  explicit TextBody(std::string text) : text_(std::move(text)) {}
  std::size_t read(std::span<char> into) override {
    const std::size_t got = text_.copy(into.data(), into.size());
    text_.erase(0, got);
    return got;
  }

 private:
  std::string text_;
};

/// A request without a connection; remembers the answer.
class FakeExchange final : public Exchange {
 public:
  FakeExchange(std::string query, std::string type, std::string body)
      : Exchange(make_head(type, body), api::kMaximum), body_(std::move(body)) {
    query_ = http::Query::parse(query);
  }

  http::Body& body() override { return body_; }
  std::stop_token gone() override { return {}; }
  http::ChunkedWriter& stream(int, std::string_view) override {
    throw std::logic_error("no stream");
  }
  http::Hijacked take_connection() override { return {}; }

  std::string sent;

 protected:
  http::Headers usual_headers() const override { return {}; }
  void send(int status, std::string_view type, std::string_view text) override {
    sent = fmt::format("{} {} {}", status, type, text);
  }

 private:
  static http::RequestHead make_head(const std::string& type, const std::string& body) {
    http::RequestHead head;
    if (!type.empty()) head.headers.add("Content-Type", type);
    head.has_body = !body.empty();
    head.content_length = static_cast<std::int64_t>(body.size());
    return head;
  }

  TextBody body_;
};

std::string complaint(const std::string& type, const std::string& body) {
  FakeExchange exchange("", type, body);
  try {
    exchange.json_body();
  } catch (const base::Error& error) {
    return error.what();
  }
  return "";
}

TEST(Exchange, ReadsFlagsAsDockerDoes) {
  const FakeExchange exchange("a=1&b=TRUE&c=yes&d=2&e=0&f=No&g=%20false%20&h=NONE&i=&j", "", "");
  for (const char* yes : {"a", "b", "c", "d"}) EXPECT_TRUE(exchange.flag(yes)) << yes;
  for (const char* no : {"e", "f", "g", "h", "i", "j"}) EXPECT_FALSE(exchange.flag(no, true)) << no;
  EXPECT_TRUE(exchange.flag("absent", true));
  EXPECT_FALSE(exchange.flag("absent"));
}

TEST(Exchange, ReadsStrictFlagsAsGoDoes) {
  const FakeExchange exchange("verbose=x&ok=T", "", "");
  EXPECT_TRUE(exchange.strict_flag("ok"));
  try {
    exchange.strict_flag("verbose");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_STREQ(error.what(),
                 "invalid value for verbose: x: strconv.ParseBool: parsing \"x\": invalid syntax");
  }
}

TEST(Exchange, ReadsNumbersWithGosWords) {
  const FakeExchange exchange("a=-5&b=%2B7&c=abc&d=99999999999999999999", "", "");
  EXPECT_EQ(exchange.number("a"), -5);
  EXPECT_EQ(exchange.number("b"), 7);
  EXPECT_EQ(exchange.number("absent", 3), 3);
  EXPECT_THROW(exchange.number("c"), base::Error);
  EXPECT_THROW(exchange.number("d"), base::Error);
}

TEST(Exchange, WantsTheContentTypeOfJson) {
  EXPECT_EQ(complaint("application/json", "{}"), "");
  EXPECT_EQ(complaint("application/json; charset=utf-8", "{}"), "");
  EXPECT_EQ(complaint("APPLICATION/JSON", "{}"), "");
  EXPECT_EQ(complaint("", ""), "");
  EXPECT_EQ(complaint("", "{}"), "malformed Content-Type header (): mime: no media type");
  EXPECT_EQ(complaint(";;", "{}"), "malformed Content-Type header (;;): mime: no media type");
  EXPECT_EQ(complaint("text/plain", "{}"),
            "unsupported Content-Type header (text/plain): must be 'application/json'");
}

TEST(Exchange, SaysWhatIsWrongWithJson) {
  EXPECT_EQ(complaint("application/json", "{\"a\":"), "invalid JSON: unexpected EOF");
  EXPECT_EQ(complaint("application/json", "{} x"), "unexpected content after JSON");
  EXPECT_EQ(complaint("application/json", "{not"),
            "invalid JSON: invalid character 'n' looking for beginning of object key string");
}

TEST(Exchange, RefusesABodyPastTheLimitBeforeItIsRead) {
  FakeExchange exchange("", "application/json", std::string(kJsonBodyLimit + 1, ' '));
  try {
    exchange.json_body();
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::Kind::TooLarge);
  }
}

TEST(Exchange, PrefixesWhatTheDecoderObjectsTo) {
  FakeExchange exchange("", "application/json", "[]");
  try {
    exchange.read_json(
        [](const base::Json&) { base::fail(base::Kind::InvalidArgument, "not so"); });
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_STREQ(error.what(), "invalid JSON: not so");
  }
}

TEST(Exchange, EndsJsonWithOneLineFeedAndKeepsHtml) {
  FakeExchange exchange("", "", "");
  exchange.reply(201, base::JsonObject{{"Id", "<&>"}});
  EXPECT_EQ(exchange.sent, "201 application/json {\"Id\":\"<&>\"}\n");
}

}  // namespace
}  // namespace wharf::server
